//! Tables: columns of one length, some of whose values are missing.
//!
//! They are written as [Parquet](https://parquet.apache.org), which pandas, polars and R read, or as CSV. What is missing is
//! null in the one and an empty field in the other.

mod csv;
mod key;
mod parquet;

pub use csv::write_csv;
pub(crate) use key::Key;
pub use parquet::{ParquetWriter, read_parquet};

use crate::Error;
use std::sync::Arc;

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Whole numbers.
    Integers(Vec<Option<i64>>),
    /// Numbers; one that is not finite counts as missing where a table is written.
    Numbers(Vec<Option<f64>>),
    /// Text.
    Texts(Vec<Option<Arc<str>>>),
}

impl Column {
    /// Number of values, the missing ones included.
    pub fn len(&self) -> usize {
        match self {
            Column::Integers(values) => values.len(),
            Column::Numbers(values) => values.len(),
            Column::Texts(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One value `rows` times: a whole number, a number, or the text of anything else.
    pub fn same(value: &toml::Value, rows: usize) -> Self {
        match value {
            toml::Value::Integer(x) => Column::Integers(vec![Some(*x); rows]),
            toml::Value::Float(x) => Column::Numbers(vec![Some(*x); rows]),
            toml::Value::String(text) => Column::text(text, rows),
            other => Column::text(&other.to_string(), rows),
        }
    }

    /// One text `rows` times.
    pub fn text(text: &str, rows: usize) -> Self {
        Column::Texts(vec![Some(text.into()); rows])
    }

    /// The numbers of a column that has such.
    pub fn numbers(&self) -> Option<Vec<Option<f64>>> {
        match self {
            Column::Integers(values) => Some(values.iter().map(|x| x.map(|x| x as f64)).collect()),
            Column::Numbers(values) => Some(values.clone()),
            Column::Texts(_) => None,
        }
    }

    /// A value as text; empty where it is missing.
    pub fn cell(&self, row: usize) -> String {
        match self {
            Column::Integers(values) => values.get(row).copied().flatten().map(|x| x.to_string()),
            // the shortest text that reads as the same number
            Column::Numbers(values) => {
                values.get(row).copied().flatten().filter(|x| x.is_finite()).map(|x| format!("{x:?}"))
            }
            Column::Texts(values) => values.get(row).cloned().flatten().map(|text| text.to_string()),
        }
        .unwrap_or_default()
    }
}

impl From<Vec<i64>> for Column {
    fn from(values: Vec<i64>) -> Self {
        Column::Integers(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<f64>> for Column {
    fn from(values: Vec<f64>) -> Self {
        Column::Numbers(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<Option<f64>>> for Column {
    fn from(values: Vec<Option<f64>>) -> Self {
        Column::Numbers(values)
    }
}

impl From<Vec<Option<i64>>> for Column {
    fn from(values: Vec<Option<i64>>) -> Self {
        Column::Integers(values)
    }
}

/// Columns by name, in an order, all of one length.
///
/// ```
/// use dynvision_lab::table::Table;
///
/// let table = Table::new().with("step", vec![0, 1])?.with("accuracy", vec![None, Some(0.5)])?;
/// assert_eq!((table.rows(), table.names().collect::<Vec<_>>()), (2, vec!["step", "accuracy"]));
/// assert!(table.with("short", vec![1]).is_err());
/// # Ok::<(), dynvision_lab::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Table::default()
    }

    /// The table with one more column at its end.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] where it is not as long as the others; [`Error::Setting`] where there is one of its name.
    pub fn with(mut self, name: &str, column: impl Into<Column>) -> Result<Self, Error> {
        self.push(name, column.into())?;
        Ok(self)
    }

    /// Adds a column at the end.
    ///
    /// # Errors
    ///
    /// As [`with`](Table::with).
    pub fn push(&mut self, name: &str, column: Column) -> Result<(), Error> {
        if !self.columns.is_empty() && column.len() != self.rows() {
            let (expected, found) = (self.rows(), column.len());
            return Err(Error::Length { what: "a column of a table", expected, found, each: "row" });
        }
        if self.column(name).is_some() {
            let reason = "there is one already; give it another name".into();
            return Err(Error::Setting { what: "column", name: name.into(), reason });
        }
        self.columns.push((name.into(), column));
        Ok(())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The columns with their names, in their order.
    pub fn columns(&self) -> &[(String, Column)] {
        &self.columns
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, column)| column)
    }

    /// The table with its rows in the order of these columns, the first before the second: numbers by size, text by the
    /// alphabet, what is missing first. Rows that are alike in all stay in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] for a column that it does not have.
    ///
    /// ```
    /// use dynvision_lab::table::Table;
    ///
    /// let table = Table::new().with("interval", vec![10, 3])?.sorted(&["interval"])?;
    /// assert_eq!(table.column("interval"), Some(&vec![3, 10].into()));
    /// # Ok::<(), dynvision_lab::Error>(())
    /// ```
    pub fn sorted(self, by: &[&str]) -> Result<Self, Error> {
        let mut keys: Vec<(Vec<Key>, usize)> =
            (0..self.rows()).map(|row| (Vec::with_capacity(by.len()), row)).collect();
        for name in by {
            let column = self.column(name).ok_or_else(|| Error::unknown("column", name, self.names()))?;
            keys.iter_mut().for_each(|(key, row)| key.push(Key::of(Some(column), *row)));
        }
        // the number of the row is the last key
        keys.sort();
        let order: Vec<usize> = keys.into_iter().map(|(_, row)| row).collect();
        fn pick<T: Clone>(values: &[Option<T>], order: &[usize]) -> Vec<Option<T>> {
            order.iter().map(|&row| values.get(row).cloned().flatten()).collect()
        }
        let of = |(name, column): (String, Column)| {
            let column = match column {
                Column::Integers(values) => Column::Integers(pick(&values, &order)),
                Column::Numbers(values) => Column::Numbers(pick(&values, &order)),
                Column::Texts(values) => Column::Texts(pick(&values, &order)),
            };
            (name, column)
        };
        Ok(Table { columns: self.columns.into_iter().map(of).collect() })
    }

    /// The table with the rows of another one after its own. Columns are found by name; what one of the two lacks is missing
    /// there.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a column is text in one and numbers in the other.
    pub fn then(mut self, other: &Table) -> Result<Self, Error> {
        let (rows, more) = (self.rows(), other.rows());
        for (name, column) in &mut self.columns {
            join(name, column, other.column(name), more)?;
        }
        for (name, column) in &other.columns {
            if self.column(name).is_none() {
                let mut whole = match column {
                    Column::Integers(_) => Column::Integers(vec![None; rows]),
                    Column::Numbers(_) => Column::Numbers(vec![None; rows]),
                    Column::Texts(_) => Column::Texts(vec![None; rows]),
                };
                join(name, &mut whole, Some(column), more)?;
                self.columns.push((name.clone(), whole));
            }
        }
        Ok(self)
    }
}

/// Appends `more` values to a column.
fn join(name: &str, column: &mut Column, other: Option<&Column>, more: usize) -> Result<(), Error> {
    if let (Column::Integers(own), Some(Column::Numbers(_))) = (&*column, other) {
        *column = Column::Numbers(own.iter().map(|x| x.map(|x| x as f64)).collect());
    }
    match (column, other) {
        (Column::Integers(own), None) => own.extend(std::iter::repeat_n(None, more)),
        (Column::Numbers(own), None) => own.extend(std::iter::repeat_n(None, more)),
        (Column::Texts(own), None) => own.extend(std::iter::repeat_n(None, more)),
        (Column::Integers(own), Some(Column::Integers(values))) => own.extend(values),
        (Column::Numbers(own), Some(Column::Numbers(values))) => own.extend(values),
        (Column::Numbers(own), Some(Column::Integers(values))) => {
            own.extend(values.iter().map(|x| x.map(|x| x as f64)))
        }
        (Column::Texts(own), Some(Column::Texts(values))) => own.extend(values.iter().cloned()),
        _ => {
            let reason = "it is text in one table and numbers in the other; give the two different names".into();
            return Err(Error::Setting { what: "column", name: name.into(), reason });
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn tables_are_joined_by_the_names_of_their_columns() {
        let one = Table::new().with("a", vec![1]).unwrap().with("b", vec![0.5]).unwrap();
        let two = Table::new().with("b", vec![2]).unwrap().with("c", Column::text("x", 1)).unwrap();
        let both = one.then(&two).unwrap();
        assert_eq!(both.column("a"), Some(&Column::Integers(vec![Some(1), None])));
        assert_eq!(both.column("b"), Some(&Column::Numbers(vec![Some(0.5), Some(2.)])));
        assert_eq!(both.column("c"), Some(&Column::Texts(vec![None, Some("x".into())])));
        let text = Table::new().with("a", Column::text("x", 1)).unwrap();
        assert!(both.then(&text).unwrap_err().to_string().contains("`a`"));
    }
}
