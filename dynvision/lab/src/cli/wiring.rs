//! `wiring`: how a model is wired.

use super::Context;
use super::output::Outcome;
use crate::diagram;
use crate::lab_error::LabError;
use crate::models::WeightSource;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Shows how a model is wired, as text or as a picture.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dynvision wiring dyrcnn-x4\n  dynvision wiring dyrcnn-x4 --svg wiring.svg")]
pub(super) struct Args {
    /// The model.
    model: String,
    /// Where the picture is written; text without it.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        let entry = cx.models.get(&self.model)?;
        let subject = entry.subject(&entry.dynamics()?, WeightSource::Seed(0))?;
        let anatomy = subject.anatomy();
        let text = match &self.svg {
            None => diagram::text(anatomy),
            Some(path) => {
                let svg = diagram::svg(anatomy);
                dynvision::file::atomic::write(path, |file| file.write_all(svg.as_bytes()))
                    .map_err(LabError::file("write", path))?;
                path.display().to_string()
            }
        };
        let areas: Vec<_> =
            anatomy.areas.iter().map(|area| json!({ "name": area.name, "shape": area.shape })).collect();
        let json = json!({ "model": self.model, "frame": anatomy.frame, "areas": areas, "links": anatomy.links,
                           "svg": self.svg });
        Ok(Outcome::new(text, json))
    }
}
