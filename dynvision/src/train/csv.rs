//! The table of a history: a line for each epoch, a column for each number.

use super::{Epoch, Metrics};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Which numbers a table has. Lines can be added to it one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    groups: BTreeSet<String>,
    /// Of the training, and of the evaluation: in the order in which they came.
    metrics: [Vec<String>; 2],
}

impl Columns {
    /// The columns that these epochs have.
    pub(super) fn of(epochs: &[Epoch]) -> Self {
        Columns {
            groups: epochs.iter().flat_map(|epoch| epoch.group_lr.keys().cloned()).collect(),
            metrics: [
                names(epochs.iter().map(|epoch| &epoch.train)),
                names(epochs.iter().filter_map(|epoch| epoch.valid.as_ref())),
            ],
        }
    }

    /// The first line.
    pub(super) fn header(&self) -> String {
        let mut text = String::from("epoch,updates,lr");
        self.groups.iter().for_each(|group| text.extend([",", &quoted(&format!("lr_{group}"))]));
        text.push_str(",gradient_norm,clipped,seconds,images_per_second,memory");
        for (part, names) in ["train", "valid"].iter().zip(&self.metrics) {
            names.iter().for_each(|name| text.extend([",", &quoted(&format!("{part}_{name}"))]));
        }
        text + "\n"
    }

    /// The line of an epoch; a number that it does not have is empty.
    pub(super) fn row(&self, epoch: &Epoch) -> String {
        let Epoch { epoch: number, updates, lr, group_lr, gradient_norm, clipped, seconds, .. } = epoch;
        let mut text = format!("{number},{updates},{lr}");
        self.groups.iter().for_each(|group| field(&mut text, group_lr.get(group)));
        let _ = write!(text, ",{gradient_norm},{clipped},{seconds}");
        field(&mut text, epoch.images_per_second);
        field(&mut text, epoch.memory);
        for (metrics, names) in [Some(&epoch.train), epoch.valid.as_ref()].into_iter().zip(&self.metrics) {
            let numbers: BTreeMap<String, f64> = metrics.map(Metrics::named).into_iter().flatten().collect();
            names.iter().for_each(|name| field(&mut text, numbers.get(name)));
        }
        text + "\n"
    }
}

/// The names of their numbers, each once.
fn names<'a>(all: impl Iterator<Item = &'a Metrics>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in all.flat_map(Metrics::named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn field(text: &mut String, number: Option<impl std::fmt::Display>) {
    text.push(',');
    if let Some(number) = number {
        let _ = write!(text, "{number}");
    }
}

/// A field that may hold anything.
pub(super) fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}
