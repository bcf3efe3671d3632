//! `data`: the data sets.

use super::Context;
use super::output::{Outcome, columns};
use crate::lab_error::LabError;
use crate::sets::{MEMORY_GB, Parts, Wanted, checksum};
use dynvision::data::{Seed, Split};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;

/// Lists the data sets, or reads one and says what is in it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision data\n  dynvision data mnist5k\n  dynvision data cifar10 --folder ~/cifar10\n  dynvision data folder --folder ~/photographs --model dyrcnn-x4"
)]
pub(super) struct Args {
    /// The set to read; all are listed without one.
    name: Option<String>,
    /// Where its files are.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The model that the images of a folder are adapted to.
    #[arg(long, short)]
    model: Option<String>,
    /// Leaves out files that cannot be decoded, and counts them.
    #[arg(long)]
    skip_corrupt: bool,
    /// Determines which images of a folder that is not divided are tested on.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let Some(name) = &self.name else {
            let mut rows = vec![["data set", "image", "classes", "from", "about"].map(String::from).to_vec()];
            let mut list = Vec::new();
            for set in cx.sets.iter() {
                let from = if set.needs_folder { "data.folder" } else { "the library" };
                let shape = set.shape.map_or("the model's".into(), |[c, h, w]| format!("{c}x{h}x{w}"));
                let classes = set.classes.map_or("any".into(), |classes| classes.to_string());
                rows.push(vec![set.name.clone(), shape, classes, from.into(), set.about.clone()]);
                list.push(json!({
                    "name": set.name, "shape": set.shape, "classes": set.classes, "needs_folder": set.needs_folder,
                    "about": set.about,
                }));
            }
            return Ok(Outcome::new(columns(&rows), Value::Array(list)));
        };
        let set = cx.sets.get(name)?;
        if let (false, Some(folder)) = (set.needs_folder, &self.folder) {
            return Err(LabError::Usage(format!(
                "`{name}` comes with the library, and `--folder {}` would change nothing: leave it out",
                folder.display()
            )));
        }
        let mut rows = vec![["part", "images", "image", "classes", "sha256"].map(String::from).to_vec()];
        let mut parts = serde_json::Map::new();
        let folder = self.folder.as_deref();
        let read = match &self.model {
            None => Parts {
                train: set.load(folder, Split::Train)?,
                test: set.load(folder, Split::Test)?,
                notes: Vec::new(),
            },
            Some(model) => {
                let entry = cx.models.get(model)?;
                let (frame, classes, skip_corrupt) = (entry.wiring().input, entry.classes(), self.skip_corrupt);
                let seed = Seed(self.seed);
                let tell = |text: &str| {
                    if !cx.quiet {
                        let _ = writeln!(std::io::stderr(), "{text}");
                    }
                };
                let (train, test, memory_gb) = (0, 0, MEMORY_GB);
                let wanted = Wanted { model, frame, classes, train, test, seed, skip_corrupt, memory_gb, tell: &tell };
                set.parts(folder, &wanted)?
            }
        };
        for (part, images) in [("train", &read.train), ("test", &read.test)] {
            let (sum, shape) = (checksum(images), images.shape());
            rows.push(vec![
                part.into(),
                images.len().to_string(),
                shape.to_string(),
                images.classes().len().to_string(),
                sum.chars().take(16).collect(),
            ]);
            let facts = json!({ "images": images.len(), "shape": [shape.c, shape.h, shape.w], "sha256": sum });
            parts.insert(part.into(), facts);
        }
        let text = read.notes.iter().fold(columns(&rows), |text, note| text + note + "\n");
        let classes = read.train.classes();
        Ok(Outcome::new(text, json!({ "name": name, "parts": parts, "classes": classes, "notes": read.notes })))
    }
}
