//! `remofile generate-keys`

use crate::exit::Exit;
use crate::failed::Result;
use crate::output;
use remofile::protocol::key::PrivateKey;
use zeroize::Zeroizing;

pub(super) fn run() -> Result<Exit> {
    let private = PrivateKey::generate();
    let shown = Zeroizing::new(format!("public key: {}\nprivate key: {}\n", private.public(), *private.reveal()));
    output::data(&shown)?;
    Ok(Exit::Success)
}
