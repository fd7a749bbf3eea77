//! Buckets of S3 services as stores of Remofile.
//!
//! A [`BucketStore`] has the files of a [`remofile::Server`] in a bucket: the key of a file is the prefix of the store and its
//! path, its content is the object's, and its time and permissions are where rclone puts them. So other tools see the same
//! tree.
//!
//! Files: `location` and `settings` say where the bucket is and who asks; `client` and `asking` make requests, of which `list` has the
//! listings, `copy` the copies and `end` the ends of uploads, `trial` finds out which `conditions` the service heeds, and `errors` says
//! in our words what failed. `keys` leads from paths to keys and back, `order` from the service's order to ours; `metadata` is what is
//! kept beside content, `cache` remembers it. On those stand `reading`, `walk`, `source`, `writing`, `moving`, `directory`, `staged`,
//! `upload`, `partials` and `owner`, one for each thing that a store does.
//! `claim` is what an owner stores.
//!
//! Goals: a file is seen whole or not at all, nothing that is in the bucket is lost or hidden without a word, memory is
//! bounded whatever the size of files. Non-goals: links, permissions that anybody enforces, changes in place.

mod answers;
mod asking;
mod cache;
mod claim;
mod client;
mod conditions;
mod copy;
mod directory;
mod end;
mod errors;
mod hex;
mod keys;
mod list;
mod location;
mod metadata;
mod moving;
mod names;
mod options;
mod order;
mod own_fence;
mod owner;
mod partials;
mod reading;
mod record;
mod removal;
mod settings;
mod source;
mod staged;
mod store;
mod trial;
mod upload;
mod walk;
mod watched;
mod writing;

pub use location::{InvalidLocation, Location};
pub use options::{BucketOptions, OpenError};
pub use store::BucketStore;
