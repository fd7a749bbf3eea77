//! The services that a store may be in, and what they do in ways of their own.
//!
//! `s3` asks S3 services by the crate of object stores. `azure` makes all requests itself, since that crate cannot name the marker of a
//! directory (`a/`) there, forgets metadata at the end of an upload in parts, and has neither lists of blocks nor metadata in listings.

pub(crate) mod azure;
pub(crate) mod s3;

use super::asking::Requests;
use azure::container::Azure;
use s3::S3;

/// The service that a store is in.
pub(crate) enum Service {
    S3(S3),
    Azure,
}

impl Service {
    /// Reports whether a listing begins behind any key. Otherwise only the service knows how to go on behind a page.
    pub(crate) fn lists_behind_keys(&self) -> bool {
        matches!(self, Self::S3(_))
    }

    /// Returns the requests to Azure, if it is that.
    pub(crate) fn azure<'r>(&self, requests: &'r Requests) -> Option<Azure<'r>> {
        matches!(self, Self::Azure).then_some(Azure(requests))
    }
}
