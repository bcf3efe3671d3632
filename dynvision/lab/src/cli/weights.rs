//! `weights`.

use super::Context;
use super::output::{Outcome, columns};
use crate::lab_error::LabError;
use crate::models::WeightSource;
use clap::Subcommand;
use dynvision::interop::StateDict;
use dynvision::train::TrainError;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Takes weights from files of others, writes them for others, and compares them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision weights import dyrcnn-x4 model.pt --out dyrcnn-x4.safetensors\n  dynvision weights compare dyrcnn-x4 a.safetensors b.safetensors"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Checks the weights of a file against a model and writes them as safetensors under the model's names.
    #[command(after_help = "Example:\n  dynvision weights import dyrcnn-x4 model.pt --out dyrcnn-x4.safetensors")]
    Import {
        /// The model.
        model: String,
        /// A state dict of PyTorch (`pt`, `pth`) with the original's names, a checkpoint, or safetensors.
        file: PathBuf,
        /// Where they are written.
        #[arg(long)]
        out: PathBuf,
    },
    /// Writes the weights of a checkpoint as safetensors under the names that the original has in PyTorch.
    #[command(
        after_help = "Example:\n  dynvision weights export dyrcnn-x4 runs/a/checkpoints/last.safetensors --out theirs.safetensors"
    )]
    Export {
        /// The model.
        model: String,
        /// A checkpoint, or safetensors.
        file: PathBuf,
        /// Where they are written.
        #[arg(long)]
        out: PathBuf,
        /// Under the model's own names.
        #[arg(long)]
        own_names: bool,
    },
    /// Compares the weights of two files.
    #[command(after_help = "Example:\n  dynvision weights compare dyrcnn-x4 a.safetensors b.safetensors")]
    Compare {
        /// The model.
        model: String,
        /// A checkpoint, safetensors, or a state dict of PyTorch.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
    },
}

fn write(path: &Path, state: &StateDict) -> Result<(), LabError> {
    if path.exists() {
        return Err(LabError::Usage(format!("`{}` is there already; name another file", path.display())));
    }
    Ok(dynvision::interop::write(path, state).map_err(TrainError::from)?)
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        match &self.what {
            What::Import { model, file, out } => self.convert(cx, model, file, out, false),
            What::Export { model, file, out, own_names } => self.convert(cx, model, file, out, !own_names),
            What::Compare { model, first, second } => {
                let entry = cx.models.get(model)?;
                let [first, second] = [first, second].map(|file| entry.weights(WeightSource::file(file)?, false));
                compare(&first?, &second?)
            }
        }
    }

    fn convert(
        &self,
        cx: &Context<'_>,
        model: &str,
        file: &Path,
        out: &Path,
        original: bool,
    ) -> Result<Outcome, LabError> {
        let state = cx.models.get(model)?.weights(WeightSource::file(file)?, original)?;
        write(out, &state)?;
        let count = state.names().count();
        let text = format!("{count} tensors in {}", out.display());
        Ok(Outcome::new(text, json!({ "model": model, "tensors": count, "file": out })))
    }
}

fn compare(first: &StateDict, second: &StateDict) -> Result<Outcome, LabError> {
    let names: BTreeSet<&str> = first.names().chain(second.names()).collect();
    let mut rows = vec![["tensor", "numbers", "largest difference"].map(String::from).to_vec()];
    let (mut list, mut most) = (Vec::new(), 0_f64);
    for name in names {
        let numbers = |state: &StateDict| state.numbers(name).map_err(|error| LabError::Failed(error.to_string()));
        let ((_, a), (_, b)) = (numbers(first)?, numbers(second)?);
        let difference = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
        most = most.max(difference);
        rows.push(vec![name.into(), a.len().to_string(), format!("{difference:.3e}")]);
        list.push(json!({ "tensor": name, "numbers": a.len(), "difference": difference }));
    }
    let same = if most == 0. { "the same" } else { "not the same" };
    let text = format!("{}{same}: the largest difference is {most:.3e}", columns(&rows));
    Ok(Outcome::new(text, json!({ "same": most == 0., "largest": most, "tensors": list })))
}
