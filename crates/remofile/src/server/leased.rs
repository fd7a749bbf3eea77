//! The permit of an upload: what its client may do, and only where it has a lease.

use super::leases::Bounds;
use super::principal::Grant;
use crate::store::StoreResult;
use crate::transfer::{Access, Permit};
use remofile_protocol::path::RemotePath;
use remofile_protocol::wire::{ErrorCode, Failure};
use std::sync::Arc;

/// A grant within the bounds of a lease.
#[derive(Debug)]
pub(super) struct Leased {
    grant: Arc<Grant>,
    bounds: Bounds,
}

impl Leased {
    pub(super) fn new(grant: Arc<Grant>, bounds: Bounds) -> Self {
        Self { grant, bounds }
    }
}

impl Permit for Leased {
    fn permit(&self, access: Access, path: &RemotePath) -> StoreResult<()> {
        self.grant.permit(access, path)?;
        if changes(access) && !self.bounds.hold(path) {
            return Err(Failure::new(ErrorCode::BadRequest).because("an item beside the names that the upload claims"));
        }
        Ok(())
    }

    fn is_blind(&self) -> bool {
        Permit::is_blind(&*self.grant)
    }
}

fn changes(access: Access) -> bool {
    match access {
        Access::Create | Access::Replace | Access::Change | Access::Remove => true,
        Access::Read | Access::Find | Access::Announce | Access::Lead | Access::Resume => false,
    }
}
