//! Whatever is a path is canonical, and stays inside.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remofile_protocol::path::RemotePath;

fuzz_target!(|text: &str| {
    if let Ok(path) = RemotePath::parse(text) {
        assert_eq!(RemotePath::parse(path.as_str()).as_ref(), Ok(&path));
        assert!(path.names().all(|name| !name.is_empty() && name != "." && name != ".." && !name.contains('\0')));
        if let Ok((parent, name)) = path.split() {
            assert_eq!(parent.child(&name).as_ref(), Ok(&path));
            assert!(path.is_within(&parent));
        }
    }
});
