//! Values by which rows are grouped and sorted.

use super::Column;
use std::sync::Arc;

/// A value by which rows are grouped, in an order that numbers have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Missing,
    Integer(i64),
    Number(f64),
    Text(Arc<str>),
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |key: &Key| match key {
            Key::Missing => 0,
            Key::Integer(_) => 1,
            Key::Number(_) => 2,
            Key::Text(_) => 3,
        };
        match (self, other) {
            (Key::Integer(a), Key::Integer(b)) => a.cmp(b),
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Key {
    pub(crate) fn of(column: Option<&Column>, row: usize) -> Self {
        match column {
            Some(Column::Integers(values)) => values.get(row).copied().flatten().map_or(Key::Missing, Key::Integer),
            Some(Column::Numbers(values)) => values.get(row).copied().flatten().map_or(Key::Missing, Key::Number),
            Some(Column::Texts(values)) => values.get(row).cloned().flatten().map_or(Key::Missing, Key::Text),
            None => Key::Missing,
        }
    }

    /// A column of such values: text where one is text, numbers where one is a number.
    pub(crate) fn column(keys: Vec<Key>) -> Column {
        let text = keys.iter().any(|key| matches!(key, Key::Text(_)));
        let number = keys.iter().any(|key| matches!(key, Key::Number(_)));
        if text {
            let of = |key| match key {
                Key::Text(text) => Some(text),
                Key::Integer(x) => Some(x.to_string().into()),
                Key::Number(x) => Some(format!("{x:?}").into()),
                Key::Missing => None,
            };
            return Column::Texts(keys.into_iter().map(of).collect());
        }
        if number {
            let of = |key| match key {
                Key::Number(x) => Some(x),
                Key::Integer(x) => Some(x as f64),
                _ => None,
            };
            return Column::Numbers(keys.into_iter().map(of).collect());
        }
        let of = |key| match key {
            Key::Integer(x) => Some(x),
            _ => None,
        };
        Column::Integers(keys.into_iter().map(of).collect())
    }
}
