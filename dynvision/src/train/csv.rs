//! The table of a history: a line for each epoch, a column for each number.

use super::{Epoch, Metrics};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Which numbers a table has. Lines can be added to it one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    groups: BTreeSet<String>,
    terms: BTreeSet<String>,
}

impl Columns {
    /// The columns that these epochs have.
    pub(super) fn of(epochs: &[Epoch]) -> Self {
        Columns {
            groups: epochs.iter().flat_map(|epoch| epoch.group_lr.keys().cloned()).collect(),
            terms: epochs.iter().flat_map(|epoch| epoch.train.terms.keys().cloned()).collect(),
        }
    }

    /// The first line.
    pub(super) fn header(&self) -> String {
        let mut text = String::from("epoch,updates,lr");
        self.groups.iter().for_each(|group| text.extend([",", &quoted(&format!("lr_{group}"))]));
        text.push_str(",gradient_norm,clipped,seconds,images_per_second,memory");
        for part in ["train", "valid"] {
            let _ = write!(text, ",{part}_loss,{part}_accuracy,{part}_last_accuracy,{part}_confidence");
            self.terms.iter().for_each(|term| text.extend([",", &quoted(&format!("{part}_{term}"))]));
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
        for metrics in [Some(&epoch.train), epoch.valid.as_ref()] {
            let of = |number: fn(&Metrics) -> f64| metrics.map(number);
            [of(|m| m.loss), of(|m| m.accuracy), of(|m| m.last_accuracy), of(|m| m.confidence)]
                .into_iter()
                .for_each(|number| field(&mut text, number));
            self.terms.iter().for_each(|term| field(&mut text, metrics.and_then(|metrics| metrics.terms.get(term))));
        }
        text + "\n"
    }
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
