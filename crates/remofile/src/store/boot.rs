//! The identity of this boot of the machine, and what is only known as long as it lasts.

use remofile_protocol::digest::digest;
use remofile_protocol::handshake::Place;
use std::sync::LazyLock;

/// Returns the identity of this boot of the machine. Empty if the system does not tell: then no record is of this
/// boot. Read early, since a server that confines itself cannot open the file later.
pub(super) fn boot() -> &'static str {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        boot.map(|boot| boot.trim().to_owned()).unwrap_or_default()
    });
    &BOOT
}

/// Returns the place of the directory with this device and inode.
pub(super) fn place_of(device: u64, inode: u64) -> Option<Place> {
    let boot = boot();
    // The line break is what the system ends its text with: programs of other versions digest it, too.
    (!boot.is_empty()).then(|| Place(digest(format!("remofile {boot}\n {device} {inode}").as_bytes())))
}

/// Returns places that no directory has, and that nobody tells from others who does not know the machine's boot.
pub(crate) fn places_of_nothing() -> impl Iterator<Item = Place> {
    (0..).map_while(|number| place_of(u64::MAX, number))
}
