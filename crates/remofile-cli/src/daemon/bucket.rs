//! Buckets that are served in the place of a directory.

use crate::failed::{Failed, Result};
use crate::settings::BucketRoot;
use remofile::ServerOptions;
use remofile::store::{Fence, Store};
use std::sync::Arc;

/// Opens the store of a bucket. With a fence it is changed while that lets it, by several servers; without, by this server alone.
///
/// # Errors
/// If its address makes no sense, or the service does not let it be listed.
#[cfg(feature = "object-store")]
pub(super) fn open(
    root: &BucketRoot,
    options: &ServerOptions,
    fence: Option<Arc<dyn Fence>>,
) -> Result<Arc<dyn Store>> {
    use remofile_object_store::{BucketOptions, BucketStore, Location};
    let location: Location = root.address.parse().map_err(|invalid| Failed::usage(format!("{invalid}")))?;
    let options = BucketOptions {
        endpoint: root.endpoint.clone(),
        file_mode: options.file_mode,
        directory_mode: options.directory_mode,
        fence,
        ..BucketOptions::default()
    };
    let store = BucketStore::open(&location, options).map_err(|error| Failed::Configuration(error.to_string()))?;
    Ok(Arc::new(store))
}

/// Refuses a bucket, in a program that was built without.
///
/// # Errors
/// Always.
#[cfg(not(feature = "object-store"))]
pub(super) fn open(
    root: &BucketRoot,
    _options: &ServerOptions,
    _fence: Option<Arc<dyn Fence>>,
) -> Result<Arc<dyn Store>> {
    let address = &root.address;
    Err(Failed::Configuration(format!(
        "'{address}' is a bucket, and this program was built without the feature 'object-store': take one that has it, or serve \
         a directory"
    )))
}
