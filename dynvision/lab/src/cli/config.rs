//! `config`: the settings.

use super::Context;
use super::output::{Outcome, columns};
use super::select::Selected;
use crate::config::KEYS;
use crate::lab_error::LabError;
use clap::Subcommand;
use serde_json::{Value, json};

/// Shows the settings as they come out of all layers, or which there are.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dynvision config show --sources --set dynamics.tau=10ms\n  dynvision config schema"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows all settings.
    #[command(after_help = "Example:\n  dynvision config show --sources --model simple-8 --data digits")]
    Show {
        #[command(flatten)]
        selected: Box<Selected>,
        /// Says where each comes from.
        #[arg(long)]
        sources: bool,
    },
    /// Lists the settings that there are.
    #[command(after_help = "Example:\n  dynvision config schema --json")]
    Schema,
}

impl Args {
    pub(super) fn run(&self, cx: &Context<'_>) -> Result<Outcome, LabError> {
        match &self.what {
            What::Schema => {
                let rows: Vec<Vec<String>> =
                    KEYS.iter().map(|key| vec![key.path.into(), key.kind.name().into(), key.about.into()]).collect();
                let list = KEYS
                    .iter()
                    .map(|key| json!({ "key": key.path, "takes": key.kind.name(), "about": key.about }))
                    .collect();
                Ok(Outcome::new(columns(&rows), Value::Array(list)))
            }
            What::Show { selected, sources } => {
                let place = selected.folder.place(cx);
                let (mut text, mut list) = (String::new(), Vec::new());
                for run in selected.runs(&place)? {
                    let config = &run.config;
                    let mut all = serde_json::Map::new();
                    let mut rows = Vec::new();
                    for (path, value, source) in config.values() {
                        rows.push(vec![path.to_string(), value.to_string(), source.to_string()]);
                        all.insert(path.into(), json!({ "value": value, "source": source.to_string() }));
                    }
                    if *sources {
                        text.push_str(&columns(&rows));
                    } else {
                        let table = config.table();
                        text.push_str(&toml::to_string(&table).map_err(|error| LabError::Failed(error.to_string()))?);
                    }
                    list.push(json!({ "run": run.folder(), "settings": all }));
                }
                Ok(Outcome::new(text, Value::Array(list)))
            }
        }
    }
}
