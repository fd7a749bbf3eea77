//! Gives the shared library its name with a version: programs ask for it by that. And it stays in a process that unloads it, as threads
//! of a server that was stopped may be about to end still.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_default();
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libremofile.{major}.dylib"),
        Ok("windows") => {}
        _ => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libremofile.so.{major},-z,nodelete"),
    }
}
