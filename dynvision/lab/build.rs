//! Tells the crate with what it is built: the compiler, and the commit where it is built from a checkout.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    // `HEAD` names a branch and stays as it is at a commit, of which the log has a line. A worktree keeps both elsewhere, and what is not
    // there is as good as changed each time.
    for file in ["HEAD", "logs/HEAD"] {
        let path = said("git", &["rev-parse", "--path-format=absolute", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=DYNVISION_BUILT_BY={}", said(&rustc, &["--version"]).unwrap_or_default());
    println!("cargo:rustc-env=DYNVISION_COMMIT={}", said("git", &["rev-parse", "HEAD"]).unwrap_or_default());
}
