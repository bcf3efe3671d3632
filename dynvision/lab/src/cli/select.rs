//! Which runs a command is about: settings in layers, or folders of runs.

use super::Context;
use crate::config::Layers;
use crate::lab_error::LabError;
use crate::run::{Place, Run};
use std::path::{Path, PathBuf};

/// Settings in layers: built in, file, profile, environment, command line.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Layered {
    /// The file of settings; `lab.toml` if it is there.
    #[arg(long, short, value_name = "FILE", global = false)]
    config: Option<PathBuf>,
    /// A profile of the file.
    #[arg(long, short)]
    profile: Option<String>,
    /// A setting, such as `dynamics.tau=10ms`; may be given several times.
    #[arg(long = "set", short, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The model: short for `--set model=NAME`.
    #[arg(long, short)]
    model: Option<String>,
    /// The data set: short for `--set data.name=NAME`.
    #[arg(long, short)]
    data: Option<String>,
    /// The seed: short for `--set seed=N`.
    #[arg(long)]
    seed: Option<u64>,
}

impl Layered {
    pub(super) fn layers(&self) -> Layers {
        let mut layers = Layers::of_process();
        layers.file = self.config.clone().or(layers.file);
        layers.profile = self.profile.clone().or(layers.profile);
        let short = [("model", self.model.clone()), ("data.name", self.data.clone())];
        layers.set.extend(short.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?))));
        layers.set.extend(self.seed.map(|seed| format!("seed={seed}")));
        layers.set.extend(self.set.iter().cloned());
        layers
    }
}

/// The folder of runs.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Folder {
    /// The folder of runs.
    #[arg(long, value_name = "DIR", default_value = "runs", env = "DYNVISION_RUNS")]
    runs: PathBuf,
}

impl Folder {
    pub(super) fn place<'a>(&self, cx: &Context<'a>) -> Place<'a> {
        let mut place = Place::new(cx.models, cx.sets, self.runs.clone(), cx.quiet);
        place.device = cx.device.into();
        place
    }
}

/// Runs: by their folders, all, or the one of the settings.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Selected {
    #[command(flatten)]
    pub(super) layered: Layered,
    #[command(flatten)]
    pub(super) folder: Folder,
    /// A run's folder, in place of settings; may be given several times.
    #[arg(long = "run", value_name = "DIR", conflicts_with_all = ["config", "profile", "set", "model", "data", "seed"])]
    run: Vec<PathBuf>,
    /// All runs of the folder.
    #[arg(long, conflicts_with_all = ["run", "config", "profile", "set", "model", "data", "seed"])]
    all: bool,
}

impl Selected {
    pub(super) fn runs<'a>(&self, place: &'a Place<'a>) -> Result<Vec<Run<'a>>, LabError> {
        let folders: Vec<PathBuf> = if self.all { place.folders() } else { self.run.clone() };
        if self.all && folders.is_empty() {
            return Err(LabError::Usage(format!("there are no runs in `{}`", place.runs.display())));
        }
        if folders.is_empty() {
            return Ok(vec![place.run(&self.layered.layers())?]);
        }
        folders.iter().map(|folder| place.open(&within(place, folder))).collect()
    }
}

/// A run's folder by its path or by its name in the folder of runs.
fn within(place: &Place<'_>, folder: &Path) -> PathBuf {
    let inside = place.runs.join(folder);
    if !folder.exists() && inside.exists() { inside } else { folder.into() }
}
