//! A new laboratory: a crate with a model, settings, a sweep and the workflow, which builds and trains as it is.

use crate::lab_error::LabError;
use crate::run::write;
use std::path::{Path, PathBuf};

/// Where this crate was built, if it is still there: its checkout.
fn checkout() -> Option<PathBuf> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.join("src").join("scaffold").is_dir().then(|| lab.to_path_buf())
}

/// Where the program that runs was built, if that is a folder of Cargo's: what it is made of can be taken from there.
fn built_in() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?.parent()?;
    folder.join("CACHEDIR.TAG").is_file().then(|| folder.to_path_buf())
}

/// The settings of Cargo that a new laboratory has, for `built_in`: what is from a registry is built there already. (Crates at a
/// path are others to Cargo in another workspace, and are built once for all laboratories.)
fn cargo_config(built_in: &Path) -> String {
    let path = toml::Value::String(built_in.display().to_string());
    format!(
        "# What dynvision is made of is built where it was built, and not again; delete this file to build all here.\n\
         [build]\nbuild-dir = {path}\n"
    )
}

/// The profiles of the library's own workspace, so that both builds share what they are made of.
const PROFILE: &str = "# what computes the most is optimised in builds for tests as well
[profile.dev]
debug = \"line-tables-only\"
[profile.dev.package.dynvision-kernels]
opt-level = 3
codegen-units = 1
debug-assertions = false
[profile.dev.package.dfdx]
opt-level = 3
codegen-units = 1
[profile.dev.package.gemm-common]
opt-level = 3
codegen-units = 1
[profile.dev.package.gemm-f32]
opt-level = 3
codegen-units = 1
[profile.dev.package.gemm-f64]
opt-level = 3
codegen-units = 1
[profile.dev.package.ppv-lite86]
opt-level = 3
[profile.dev.package.rand_chacha]
opt-level = 3
[profile.dev.package.rand]
opt-level = 3
[profile.dev.package.rand_distr]
opt-level = 3
# complex and half-precision products come with the real ones, and nothing calls them
[profile.dev.package.gemm-c32]
opt-level = 0
[profile.dev.package.gemm-c64]
opt-level = 0
[profile.dev.package.gemm-f16]
opt-level = 0

# to optimise across the parts that a crate is compiled in takes as long as all else, and pays in the kernels alone
[profile.release]
lto = \"off\"
[profile.release.package.dynvision-kernels]
codegen-units = 1
[profile.release.package.gemm-c32]
opt-level = 0
[profile.release.package.gemm-c64]
opt-level = 0
[profile.release.package.gemm-f16]
opt-level = 0
";

/// What no crate can be called.
const KEYWORDS: [&str; 50] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
];

fn manifest(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let quoted = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
    let dependencies = match checkout() {
        Some(lab) => format!(
            "dynvision = {{ path = {} }}\ndynvision-lab = {{ path = {} }}",
            quoted(lab.parent().unwrap_or(&lab)),
            quoted(&lab)
        ),
        None => format!("dynvision = \"{version}\"\ndynvision-lab = \"{version}\""),
    };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n{dependencies}\n\n\
         # a crate of its own, wherever it lies\n[workspace]\n\n{PROFILE}"
    )
}

/// Writes a new laboratory into `folder`, whose last part is its name, and returns the files.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("my-lab");
/// let files = dynvision_lab::scaffold::new(&path)?;
/// assert!(files.contains(&path.join("src/main.rs")) && path.join("lab.toml").is_file());
/// assert!(dynvision_lab::scaffold::new(&path).is_err(), "what is there is not overwritten");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A folder that is there and not empty; a name that no crate can have; the file system.
pub fn new(folder: &Path) -> Result<Vec<PathBuf>, LabError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.is_empty() {
        return Err(LabError::Usage(format!(
            "`{}` does not end in a name, and the laboratory is called as its folder: write `../NAME`",
            folder.display()
        )));
    }
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if !begins || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(LabError::Usage(format!(
            "a crate cannot be called `{name}`: its name begins with a letter, and has letters, digits, - and _"
        )));
    }
    if KEYWORDS.contains(&name.as_str()) {
        return Err(LabError::Usage(format!(
            "a crate cannot be called `{name}`, a keyword of Rust; name another folder"
        )));
    }
    if ["dynvision", "dynvision-lab", "dfdx", "test", "core", "std"].contains(&name.as_str()) {
        return Err(LabError::Usage(format!("a laboratory cannot be called `{name}`, as something that it needs is")));
    }
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(LabError::Usage(format!("`{}` is there already; name another folder", folder.display())));
    }
    let files: [(&str, String); 11] = [
        ("Cargo.toml", manifest(&name)),
        ("src/main.rs", include_str!("../../template/main.rs").into()),
        ("lab.toml", include_str!("../../template/lab.toml").into()),
        ("sweep.toml", include_str!("../../template/sweep.toml").into()),
        ("README.md", include_str!("../../template/README.md").replace("{name}", &name)),
        (".gitignore", include_str!("../../template/gitignore").into()),
        (
            ".cargo/config.toml",
            checkout().and_then(|_| built_in()).map(|folder| cargo_config(&folder)).unwrap_or_default(),
        ),
        ("workflow/Snakefile", include_str!("../../workflow/Snakefile").into()),
        ("workflow/profiles/local/config.yaml", include_str!("../../workflow/profiles/local/config.yaml").into()),
        ("workflow/profiles/slurm/config.yaml", include_str!("../../workflow/profiles/slurm/config.yaml").into()),
        // the versions that the checkout was built with
        (
            "Cargo.lock",
            checkout().and_then(|lab| std::fs::read_to_string(lab.join("../../Cargo.lock")).ok()).unwrap_or_default(),
        ),
    ];
    let mut written = Vec::new();
    for (file, text) in files.iter().filter(|(_, text)| !text.is_empty()) {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(LabError::file("make the folder", parent))?;
        write(&path, text.as_bytes())?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    /// What is built with other profiles is built again.
    #[test]
    fn profiles_are_those_of_the_workspace() {
        let Some(lab) = checkout() else { return };
        let workspace: toml::Table = std::fs::read_to_string(lab.join("../../Cargo.toml")).unwrap().parse().unwrap();
        let ours: toml::Table = PROFILE.parse().unwrap();
        assert_eq!(ours["profile"], workspace["profile"]);
    }
}
