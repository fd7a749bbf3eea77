//! Buckets of S3 services, and containers of Azure's storage, as stores of Remofile.
//!
//! A [`BucketStore`] has the files of a [`remofile::Server`] in a bucket: the key of a file is the prefix of the store and its
//! path, its content is the object's, and its time and permissions are where rclone puts them. So other tools see the same
//! tree.
//!
//! Files: `location` and `settings` (with `variables`) say where the bucket is and who asks; `service` is what S3 and Azure do in ways of
//! their own; `client`, `asking` and `signing` make requests, of which `list` has the listings, `copy` the copies and `end` the ends of
//! uploads. `head`, `listing` and `part` are what services tell, `trial` finds out which `conditions` they heed, and `errors` says in our
//! words what failed. `keys` leads from paths to keys and back, `order` from the service's order to ours; `metadata` is what is kept beside
//! content, `cache` remembers it. On those stand `reading`, `walk`, `source`, `writing`, `moving`, `directory`, `staged`, `upload`,
//! `partials` and `owner`, one for each thing that a store does.
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
mod head;
mod hex;
mod keys;
mod list;
mod listing;
mod location;
mod metadata;
mod moving;
mod names;
mod options;
mod order;
mod own_fence;
mod owner;
mod part;
mod partials;
mod reading;
mod record;
mod removal;
mod service;
mod settings;
mod signing;
mod source;
mod staged;
mod store;
mod trial;
mod upload;
mod variables;
mod walk;
mod watched;
mod writing;

pub use location::{InvalidLocation, Location, ServiceKind};
pub use options::{BucketOptions, OpenError};
pub use store::BucketStore;
