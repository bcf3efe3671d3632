//! `data`: the data sets.

use super::Context;
use super::output::{Outcome, columns};
use crate::lab_error::LabError;
use crate::sets::checksum;
use dynvision::data::Split;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Lists the data sets, or reads one and says what is in it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision data\n  dynvision data mnist5k\n  dynvision data cifar10 --folder ~/cifar10"
)]
pub(super) struct Args {
    /// The set to read; all are listed without one.
    name: Option<String>,
    /// Where its files are.
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let Some(name) = &self.name else {
            let mut rows = vec![["data set", "image", "classes", "from", "about"].map(String::from).to_vec()];
            let mut list = Vec::new();
            for set in cx.sets.iter() {
                let [c, h, w] = set.shape;
                let from = if set.needs_folder { "data.folder" } else { "the library" };
                let shape = format!("{c}x{h}x{w}");
                rows.push(vec![set.name.clone(), shape, set.classes.to_string(), from.into(), set.about.clone()]);
                list.push(json!({
                    "name": set.name, "shape": set.shape, "classes": set.classes, "needs_folder": set.needs_folder,
                    "about": set.about,
                }));
            }
            return Ok(Outcome::new(columns(&rows), Value::Array(list)));
        };
        let set = cx.sets.get(name)?;
        let mut rows = vec![["part", "images", "image", "classes", "sha256"].map(String::from).to_vec()];
        let mut parts = serde_json::Map::new();
        for (part, split) in [("train", Split::Train), ("test", Split::Test)] {
            let images = set.load(self.folder.as_deref(), split)?;
            let (sum, shape) = (checksum(&images), images.shape());
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
        Ok(Outcome::new(columns(&rows), json!({ "name": name, "parts": parts })))
    }
}
