//! Fault points: places between two writes where a test can end the process.
//!
//! Only in debug builds: a release build has none of this.

/// Ends the process here if the file of this name stands in the directory that `PRISM_FAULT_DIR`
/// names, and removes the file, so that the next try comes further.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    let Some(directory) = directory() else { return };
    if std::fs::remove_file(std::path::Path::new(&directory).join(name)).is_ok() {
        tracing::error!(point = name, "ended at a fault point");
        std::process::exit(137);
    }
}

#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "of a test, and not of the function")]
fn directory() -> Option<std::ffi::OsString> {
    std::env::var_os("PRISM_FAULT_DIR")
}

/// Does nothing: this is a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &str) {}
