use super::FigureError;
use super::error::{did_you_mean, listed};
use std::collections::HashMap;
use std::io::Read;

/// A table in long form: named columns of numbers or text, of which any cell may be missing.
///
/// This is all that a figure reads. A laboratory's tables are read by [`read_csv`](Table::read_csv), or given column by column.
/// A number that is NaN or infinite is missing, and so is an empty text.
///
/// ```
/// use dynvision_lab::figure::Table;
///
/// let table = Table::read_csv("area,time_ms,value\nv1,0,0.5\nv1,2,\n".as_bytes())?;
/// assert_eq!((table.rows(), table.number("value", 0), table.number("value", 1)), (2, Some(0.5), None));
/// assert_eq!(table.levels("area"), ["v1"]);
///
/// let same = Table::new()
///     .text("area", ["v1", "v1"])?
///     .numbers("time_ms", [Some(0.), Some(2.)])?
///     .numbers("value", [Some(0.5), None])?;
/// assert_eq!(table, same);
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    rows: usize,
    columns: Vec<(String, Column)>,
}

#[derive(Debug, Clone)]
enum Column {
    /// NaN is missing; no value is infinite.
    Numbers(Vec<f64>),
    /// Each distinct text once, in the order in which they appear.
    Text { codes: Vec<u32>, names: Vec<String> },
}

impl PartialEq for Column {
    /// What is missing in both is equal.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Column::Numbers(a), Column::Numbers(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
            }
            (Column::Text { codes, names }, Column::Text { codes: other_codes, names: other_names }) => {
                codes == other_codes && names == other_names
            }
            _ => false,
        }
    }
}

impl Column {
    fn text(cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let (mut codes, mut names) = (Vec::new(), Vec::new());
        let mut known: HashMap<String, u32> = HashMap::new();
        for cell in cells {
            let cell = cell.into();
            let code = known.get(&cell).copied().unwrap_or_else(|| {
                let code = names.len() as u32;
                names.push(cell.clone());
                known.insert(cell, code);
                code
            });
            codes.push(code);
        }
        Column::Text { codes, names }
    }

    fn len(&self) -> usize {
        match self {
            Column::Numbers(values) => values.len(),
            Column::Text { codes, .. } => codes.len(),
        }
    }

    fn label(&self, row: usize) -> Option<String> {
        match self {
            Column::Numbers(values) => values.get(row).filter(|v| v.is_finite()).map(f64::to_string),
            Column::Text { codes, names } => {
                names.get(*codes.get(row)? as usize).filter(|name| !name.is_empty()).cloned()
            }
        }
    }

    fn keep(&self, rows: &[usize]) -> Self {
        match self {
            Column::Numbers(values) => {
                Column::Numbers(rows.iter().map(|&row| values.get(row).copied().unwrap_or(f64::NAN)).collect())
            }
            Column::Text { codes, names } => {
                let mut places: Vec<Option<u32>> = vec![None; names.len()];
                let mut kept = Vec::new();
                let mut place = |code: u32| -> Option<u32> {
                    let place = places.get_mut(code as usize)?;
                    if place.is_none() {
                        *place = Some(kept.len() as u32);
                        kept.push(names.get(code as usize)?.clone());
                    }
                    *place
                };
                let codes = rows.iter().filter_map(|&row| place(*codes.get(row)?)).collect();
                Column::Text { codes, names: kept }
            }
        }
    }
}

/// A column as codes of its distinct labels, which are in the order in which figures show them.
pub(super) struct Coded {
    /// For each row which label it has; none where it is missing.
    pub(super) codes: Vec<Option<usize>>,
    pub(super) levels: Vec<String>,
}

impl Table {
    /// A table without columns.
    pub fn new() -> Self {
        Table::default()
    }

    /// Adds a column of numbers, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// Where the table has another number of rows.
    pub fn numbers(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<Self, FigureError> {
        let finite = |value: Option<f64>| value.filter(|x| x.is_finite()).unwrap_or(f64::NAN);
        self.column(name.into(), Column::Numbers(values.into_iter().map(finite).collect()))
    }

    /// Adds a column of whole numbers: as numbers, or as text where an f64 does not hold them all, so that they stay different.
    pub(crate) fn whole(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = Option<i128>>,
    ) -> Result<Self, FigureError> {
        let values: Vec<Option<i128>> = values.into_iter().collect();
        if values.iter().flatten().all(|&x| is_exact(x)) {
            return self.numbers(name, values.into_iter().map(|x| x.map(|x| x as f64)));
        }
        self.text(name, values.into_iter().map(|x| x.map_or_else(String::new, |x| x.to_string())))
    }

    /// Adds a column of text, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// Where the table has another number of rows.
    pub fn text(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, FigureError> {
        self.column(name.into(), Column::text(values))
    }

    fn column(mut self, name: String, column: Column) -> Result<Self, FigureError> {
        let others = self.columns.iter().any(|(other, _)| *other != name);
        if others && column.len() != self.rows {
            return Err(FigureError::Length { column: name, expected: self.rows, found: column.len() });
        }
        self.rows = column.len();
        match self.columns.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = column,
            None => self.columns.push((name, column)),
        }
        Ok(self)
    }

    /// Reads comma-separated values whose first row names the columns. A column whose cells are all numbers, or missing, is one
    /// of numbers; missing are empty cells and those that read `NaN`, `NA`, `null` or `inf`, in any case.
    ///
    /// # Errors
    ///
    /// Where a row has another number of cells than the first, or the source cannot be read.
    pub fn read_csv(source: impl Read) -> Result<Self, FigureError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
        let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let mut cells: Vec<Column> = names.iter().map(|_| Column::text(Vec::<String>::new())).collect();
        let mut known: Vec<HashMap<String, u32>> = names.iter().map(|_| HashMap::new()).collect();
        for record in reader.records() {
            let record = record?;
            for ((cell, column), known) in record.iter().zip(&mut cells).zip(&mut known) {
                if let Column::Text { codes, names } = column {
                    let code = known.get(cell).copied().unwrap_or_else(|| {
                        let code = names.len() as u32;
                        names.push(cell.to_owned());
                        known.insert(cell.to_owned(), code);
                        code
                    });
                    codes.push(code);
                }
            }
        }
        names.into_iter().zip(cells).try_fold(Table::new(), |table, (name, column)| {
            let column = if name == "seed" && !exact(&column) { column } else { numeric(column) };
            table.column(name, column)
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// Whether there is a column of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(other, _)| other == name).map(|(_, column)| column)
    }

    /// Checks that there is a column of each name.
    ///
    /// # Errors
    ///
    /// For the first that is missing, with the nearest one that there is.
    pub fn need(&self, names: &[&str]) -> Result<(), FigureError> {
        match names.iter().find(|name| !self.has(name)) {
            None => Ok(()),
            Some(&missing) => Err(FigureError::Column {
                column: missing.into(),
                suggestion: did_you_mean(missing, self.names()),
                found: listed(self.names()),
            }),
        }
    }

    /// Checks that a column, where there is one, holds numbers.
    pub(super) fn need_numbers(&self, name: &str) -> Result<(), FigureError> {
        let Some(Column::Text { codes, names }) = self.find(name) else { return Ok(()) };
        let text = |code: &u32| names.get(*code as usize).is_some_and(|text| !text.is_empty());
        match codes.iter().position(text) {
            None => Ok(()),
            Some(row) => {
                let value = self.label(name, row).unwrap_or_default();
                Err(FigureError::NotANumber { column: name.into(), row: row + 1, value })
            }
        }
    }

    /// The numbers of a column, NaN where they are missing; none for text, or where there is no such column.
    pub(super) fn column_of_numbers(&self, name: &str) -> Option<&[f64]> {
        match self.find(name)? {
            Column::Numbers(values) => Some(values),
            Column::Text { .. } => None,
        }
    }

    /// Returns a number; none where the cell is missing or text, or there is no such column or row.
    pub fn number(&self, name: &str, row: usize) -> Option<f64> {
        self.column_of_numbers(name)?.get(row).copied().filter(|x| x.is_finite())
    }

    /// Returns a cell as text; none where it is missing, or there is no such column or row.
    pub fn label(&self, name: &str, row: usize) -> Option<String> {
        self.find(name)?.label(row)
    }

    /// Returns the distinct labels of a column: numbers in rising order, text in the order in which it appears.
    pub fn levels(&self, name: &str) -> Vec<String> {
        self.coded(name).levels
    }

    pub(super) fn coded(&self, name: &str) -> Coded {
        match self.find(name) {
            None => Coded { codes: vec![None; self.rows], levels: Vec::new() },
            Some(Column::Numbers(values)) => {
                let mut distinct: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
                distinct.sort_by(f64::total_cmp);
                distinct.dedup();
                let code = |x: &f64| distinct.binary_search_by(|probe| probe.total_cmp(x)).ok();
                Coded {
                    codes: values.iter().map(code).collect(),
                    levels: distinct.iter().map(f64::to_string).collect(),
                }
            }
            Some(Column::Text { codes, names }) => {
                let mut levels = Vec::new();
                let places: Vec<Option<usize>> = names
                    .iter()
                    .map(|name| {
                        (!name.is_empty()).then(|| {
                            levels.push(name.clone());
                            levels.len() - 1
                        })
                    })
                    .collect();
                let code = |code: &u32| places.get(*code as usize).copied().flatten();
                Coded { codes: codes.iter().map(code).collect(), levels }
            }
        }
    }

    /// Returns the rows that satisfy a predicate of the row's number.
    pub fn filtered(&self, keep: impl FnMut(&usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..self.rows).filter(keep).collect();
        let columns = self.columns.iter().map(|(name, column)| (name.clone(), column.keep(&rows))).collect();
        Table { rows: rows.len(), columns }
    }

    /// Returns the rows whose cell of a column has one of the labels.
    ///
    /// ```
    /// use dynvision_lab::figure::Table;
    ///
    /// let table = Table::read_csv("contrast,value\n0.5,1\n1,2\n".as_bytes())?;
    /// assert_eq!(table.having("contrast", &["1"]).number("value", 0), Some(2.));
    /// # Ok::<(), dynvision_lab::figure::FigureError>(())
    /// ```
    pub fn having(&self, name: &str, labels: &[&str]) -> Self {
        let Coded { codes, levels } = self.coded(name);
        let wanted: Vec<bool> = levels.iter().map(|level| labels.contains(&level.as_str())).collect();
        let kept = |row: &usize| {
            let code = codes.get(*row).copied().flatten();
            code.and_then(|code| wanted.get(code).copied()).unwrap_or(false)
        };
        self.filtered(kept)
    }

    /// Returns the table with a column under another name, which a figure reads.
    ///
    /// # Errors
    ///
    /// Where there is no such column.
    ///
    /// ```
    /// use dynvision_lab::figure::Table;
    ///
    /// let table = Table::read_csv("gap,value\n4,1\n".as_bytes())?.renamed("gap", "condition")?;
    /// assert_eq!(table.levels("condition"), ["4"]);
    /// # Ok::<(), dynvision_lab::figure::FigureError>(())
    /// ```
    pub fn renamed(mut self, from: &str, to: &str) -> Result<Self, FigureError> {
        self.need(&[from])?;
        if from != to {
            self.columns.retain(|(name, _)| name != to);
        }
        for (name, _) in self.columns.iter_mut().filter(|(name, _)| name == from) {
            *name = to.into();
        }
        Ok(self)
    }

    /// Returns the table in long form: each row becomes one for each of the given columns of numbers, with the column's label in
    /// `key` and its number in `value`. The other columns are repeated.
    ///
    /// # Errors
    ///
    /// Where a column is missing or is not of numbers.
    ///
    /// ```
    /// use dynvision_lab::figure::Table;
    ///
    /// let wide = Table::read_csv("step,v1_response_mean,v2_response_mean\n0,1,2\n".as_bytes())?;
    /// let long = wide.melted(&[("v1_response_mean", "v1"), ("v2_response_mean", "v2")], "area", "value")?;
    /// assert_eq!((long.rows(), long.levels("area")), (2, vec!["v1".into(), "v2".into()]));
    /// assert_eq!((long.number("step", 1), long.number("value", 1)), (Some(0.), Some(2.)));
    /// # Ok::<(), dynvision_lab::figure::FigureError>(())
    /// ```
    pub fn melted(&self, columns: &[(&str, &str)], key: &str, value: &str) -> Result<Self, FigureError> {
        for (name, _) in columns {
            self.need(&[name])?;
            self.need_numbers(name)?;
        }
        let rows: Vec<usize> = columns.iter().flat_map(|_| 0..self.rows).collect();
        let others = self.columns.iter().filter(|(name, _)| !columns.iter().any(|(melted, _)| melted == name));
        let columns_of = others.map(|(name, column)| (name.clone(), column.keep(&rows))).collect();
        let table = Table { rows: rows.len(), columns: columns_of };
        let labels = columns.iter().flat_map(|&(_, label)| (0..self.rows).map(move |_| label));
        let values = columns.iter().flat_map(|&(name, _)| (0..self.rows).map(move |row| self.number(name, row)));
        table.text(key, labels)?.numbers(value, values)
    }
}

/// Whether an f64 holds it.
fn is_exact(whole: i128) -> bool {
    (whole as f64) as i128 == whole
}

/// Whether numbers hold what the texts say, as they do not for all seeds.
fn exact(column: &Column) -> bool {
    let Column::Text { names, .. } = column else { return true };
    names.iter().all(|name| name.parse().map_or(true, is_exact))
}

/// A column of text as numbers, where every cell is one or is missing.
fn numeric(column: Column) -> Column {
    let Column::Text { codes, names } = &column else { return column };
    let missing = |text: &str| ["", "nan", "na", "null", "inf", "-inf"].contains(&text.to_lowercase().as_str());
    let read =
        |text: &String| if missing(text) { Some(f64::NAN) } else { text.parse().ok().filter(|x: &f64| x.is_finite()) };
    let Some(numbers) = names.iter().map(read).collect::<Option<Vec<f64>>>() else { return column };
    if numbers.iter().all(|x| x.is_nan()) && names.iter().all(String::is_empty) {
        return column;
    }
    Column::Numbers(codes.iter().map(|&code| numbers.get(code as usize).copied().unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_that_no_f64_holds_stay_what_they_are() {
        let seeds = [u64::MAX, u64::MAX - 1];
        let text = format!("seed,value\n{},1\n{},2\n", seeds[0], seeds[1]);
        let read = Table::read_csv(text.as_bytes()).unwrap();
        assert_eq!(read.levels("seed"), seeds.map(|seed| seed.to_string()));
        let read = Table::read_csv("seed,value\n9007199254740993,1\n9007199254740992,2\n1,3\n".as_bytes()).unwrap();
        assert_eq!(read.levels("seed").len(), 3);
        let read = Table::read_csv("value\n18446744073709551616\n1e30\n".as_bytes()).unwrap();
        assert_eq!(read.number("value", 1), Some(1e30));
        let table = Table::new().whole("seed", seeds.map(|seed| Some(seed.into()))).unwrap();
        assert_eq!(table.levels("seed").len(), 2);
        let table = Table::new().whole("seed", [Some(2), Some(-1), None]).unwrap();
        assert_eq!(table.levels("seed"), ["-1", "2"]);
    }

    #[test]
    fn cells_that_are_missing_are_missing_in_either_kind() {
        let table = Table::read_csv("x,name\nNaN,a\n,\n-inf,b\n3,a\n".as_bytes()).unwrap();
        let numbers: Vec<_> = (0..4).map(|row| table.number("x", row)).collect();
        assert_eq!(numbers, [None, None, None, Some(3.)]);
        assert_eq!(table.label("name", 1), None);
        assert_eq!((table.levels("name"), table.levels("x")), (vec!["a".into(), "b".into()], vec!["3".into()]));
        assert_eq!(table.number("x", 9), None);
    }

    #[test]
    fn numbers_are_in_rising_order_and_text_in_that_of_the_table() {
        let table = Table::read_csv("x,name\n10,z\n9,a\n10.0,z\n".as_bytes()).unwrap();
        assert_eq!(
            (table.levels("x"), table.levels("name")),
            (vec!["9".into(), "10".into()], vec!["z".into(), "a".into()])
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = Table::read_csv("categories,value\nfull,high\n".as_bytes()).unwrap();
        let error = table.need(&["value", "category"]).unwrap_err().to_string();
        assert!(error.contains("`category`, did you mean `categories`?"), "{error}");
        let error = table.need_numbers("value").unwrap_err().to_string();
        assert!(error.contains("row 1 reads `high`"), "{error}");
        let error = table.clone().numbers("more", [None, None]).unwrap_err().to_string();
        assert!(error.contains("2 values") && error.contains("1 rows"), "{error}");
        assert!(table.renamed("x", "y").is_err());
        assert!(Table::read_csv("a,b\n1\n".as_bytes()).is_err());
    }

    #[test]
    fn rows_are_kept_with_all_their_columns() {
        let table = Table::read_csv("a,b,c\nx,1,\ny,2,u\nx,3,v\n".as_bytes()).unwrap();
        let kept = table.having("a", &["x"]);
        assert_eq!((kept.rows(), kept.number("b", 1), kept.label("c", 0)), (2, Some(3.), None));
        assert_eq!(kept.levels("c"), ["v"]);
    }
}
