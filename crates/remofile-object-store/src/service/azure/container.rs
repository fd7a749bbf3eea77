//! A container, and the account that has it.

use crate::asking::{Ask, Requests};

/// A container, as it is asked.
#[derive(Clone, Copy)]
pub(crate) struct Azure<'r>(pub(crate) &'r Requests);

impl Azure<'_> {
    /// Reports whether the account has directories of its own, which are no blobs and are listed in another order. Not every token may
    /// ask for that.
    pub(crate) async fn is_hierarchical(self) -> bool {
        let query = vec![("restype", "account".to_owned()), ("comp", "properties".to_owned())];
        let asked = self.0.make(Ask { is_optional: true, ..Ask::new("GET", None, query) }).await;
        asked.is_ok_and(|answered| answered.headers.get("x-ms-is-hns-enabled").is_some_and(|is| is == "true"))
    }
}
