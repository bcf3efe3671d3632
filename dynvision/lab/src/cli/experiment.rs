//! `experiment`.

use super::Context;
use super::output::{Outcome, columns};
use super::select::Selected;
use super::stop::on_signal;
use crate::experiment::{NAMES, ResultTable, named, source};
use crate::lab_error::LabError;
use crate::run::Named;
use crate::study::Study;
use clap::Subcommand;
use serde_json::{Value, json};
use std::fmt::Write;

/// Lists, shows and runs experiments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision experiment list\n  dynvision experiment show contrast > mine.toml\n  dynvision experiment run mine.toml --config lab.toml"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the experiments that come with the library.
    #[command(after_help = "Example:\n  dynvision experiment list")]
    List,
    /// Prints an experiment as TOML, to be changed and run as a file.
    #[command(after_help = "Example:\n  dynvision experiment show contrast > mine.toml")]
    Show {
        /// Its name.
        name: String,
    },
    /// Runs an experiment on runs; trains them before if they are not trained.
    #[command(after_help = "Example:\n  dynvision experiment run contrast interval --config lab.toml")]
    Run {
        /// Names or files; those of the settings without one.
        names: Vec<String>,
        #[command(flatten)]
        selected: Box<Selected>,
    },
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        match &self.what {
            What::List => {
                let mut rows = vec![["experiment", "conditions", "about"].map(String::from).to_vec()];
                let mut list = Vec::new();
                for name in NAMES {
                    let experiment = named(name)?;
                    let conditions = experiment.conditions().map_err(crate::RunError::from)?.len();
                    rows.push(vec![(*name).into(), conditions.to_string(), experiment.about.clone()]);
                    list.push(json!({ "name": name, "conditions": conditions, "about": experiment.about,
                                      "measures": experiment.measures, "figures": experiment.figures }));
                }
                Ok(Outcome::new(columns(&rows), Value::Array(list)))
            }
            What::Show { name } => {
                let experiment = named(name)?;
                let text = source(name).unwrap_or_default();
                Ok(Outcome::new(text, json!(experiment)))
            }
            What::Run { names, selected } => {
                let place = selected.folder.place(cx);
                let study = Study::new(selected.runs(&place)?, None);
                let experiments = match names.is_empty() {
                    true => study.experiments()?,
                    false => names.iter().map(|name| Named::read(name)).collect::<Result<_, _>>()?,
                };
                // what one of them cannot do is told before the first trains
                for (named, run) in experiments.iter().flat_map(|named| study.runs.iter().map(move |run| (named, run)))
                {
                    run.check(named)?;
                }
                let stop = on_signal();
                let (mut text, mut list) = (String::new(), Vec::new());
                for named in &experiments {
                    for run in &study.runs {
                        let results = run.experiment(named, &stop)?;
                        let folder = run.folder().join("experiments").join(&named.name);
                        let _ = writeln!(text, "{}: {} conditions", folder.display(), results.len());
                        let samples = results.summary(ResultTable::Samples, 0.95)?.rows();
                        list.push(json!({ "run": run.folder(), "experiment": named.name, "tables": folder,
                                          "conditions": results.len(), "summary_rows": samples }));
                    }
                }
                Ok(Outcome::new(text, Value::Array(list)))
            }
        }
    }
}
