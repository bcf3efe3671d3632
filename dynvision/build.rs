//! Compiles the kernels for CUDA, where the crate is built for it, to PTX, which the driver compiles for its GPU. `CUDA_PATH`
//! or `PATH` leads to `nvcc`; `CUDA_COMPUTE_CAP` (such as `90`) names the oldest GPU that the PTX is for, 7.5 if unset.
//! With the feature `ci-check` there is no toolkit: the kernels are empty, and never run.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    println!("cargo:rerun-if-changed=cuda");
    println!("cargo:rerun-if-env-changed=CUDA_PATH");
    println!("cargo:rerun-if-env-changed=CUDA_COMPUTE_CAP");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo gives no `OUT_DIR`")?);
    let is_checked_alone = std::env::var_os("CARGO_FEATURE_CI_CHECK").is_some();
    for entry in std::fs::read_dir("cuda")? {
        let source = entry?.path();
        if source.extension().is_none_or(|extension| extension != "cu") {
            continue;
        }
        let name = source.file_name().ok_or("a kernel's file has no name")?;
        let ptx = out.join(name).with_extension("ptx");
        if is_checked_alone {
            std::fs::write(ptx, "")?;
        } else {
            compile(&source, &ptx)?;
        }
    }
    Ok(())
}

fn compile(source: &Path, ptx: &Path) -> Result<(), Box<dyn Error>> {
    let toolkit = std::env::var_os("CUDA_PATH").map(|path| PathBuf::from(path).join("bin").join("nvcc"));
    let nvcc = toolkit.filter(|nvcc| nvcc.exists()).unwrap_or_else(|| PathBuf::from("nvcc"));
    let capability = std::env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "75".into());
    let command = || {
        let mut command = Command::new(&nvcc);
        command.arg("--ptx").arg(format!("--gpu-architecture=compute_{capability}")).arg("-o").arg(ptx).arg(source);
        command
    };
    let output = command().output().map_err(|error| {
        format!("the feature `cuda` needs NVIDIA's compiler, and `{}` cannot be started: {error}", nvcc.display())
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("`{}` fails on {}:\n{said}", nvcc.display(), source.display()).into());
    }
    Ok(())
}
