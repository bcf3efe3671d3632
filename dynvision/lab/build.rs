//! Tells the crate with what it is built: the compiler, and the commit where it is built from a checkout.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    // a worktree keeps it elsewhere, and what is not there is as good as changed each time
    if let Some(head) = said("git", &["rev-parse", "--path-format=absolute", "--git-path", "HEAD"]) {
        println!("cargo:rerun-if-changed={head}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=DYNVISION_BUILT_BY={}", said(&rustc, &["--version"]).unwrap_or_default());
    println!("cargo:rustc-env=DYNVISION_COMMIT={}", said("git", &["rev-parse", "HEAD"]).unwrap_or_default());
}
