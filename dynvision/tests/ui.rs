//! What the compiler says of mistakes in models: one file of `ui/` for each, with what it says beside it.
//!
//! After a change that is meant: `TRYBUILD=overwrite cargo test --test ui`, and read every changed `.stderr` as prose.

use std::process::Command;

/// The toolchain whose words the files hold.
const TOOLCHAIN: &str = "rustc 1.95.";

/// Whether the words of this compiler are those of the files.
fn is_pinned() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    version.is_ok_and(|version| String::from_utf8_lossy(&version.stdout).starts_with(TOOLCHAIN))
}

#[test]
fn mistakes_are_explained() {
    if !is_pinned() {
        eprintln!("skipped: what the compiler says is compared on {TOOLCHAIN}x only");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
