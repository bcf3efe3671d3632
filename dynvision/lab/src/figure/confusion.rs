use super::compose::{Categories, evenly, picked, some_rows};
use super::panel::{Axis, Matrix, Page, Panel, Row, Rule};
use super::{Drawing, Figure, FigureError, Ink, Options, Series, Table};
use std::collections::BTreeMap;

/// Most matrices beside each other.
const TIMES: usize = 5;
/// Most categories, each with its row of matrices.
const CATEGORIES: usize = 6;

/// What is guessed for each class, at some times, and the accuracy over time.
///
/// Rows of a matrix are the true classes, columns the guesses, each row as shares of its images: the diagonal is what is
/// right. Seeds are normalised for themselves and averaged. Classes are in the table's order. Where there is no column
/// `time_ms`, one matrix is drawn of each category.
///
/// ```
/// use dynvision_lab::figure::{Confusion, Figure, Options, Table};
///
/// let table = Table::read_csv("time_ms,label,guess,value\n0,cat,cat,3\n0,cat,dog,1\n0,dog,dog,4\n".as_bytes())?;
/// let drawing = Confusion.draw(&table, &Options::default())?;
/// assert!(drawing.csv.contains("confusion at 0 ms,cat,cell,,dog,0.25,") && drawing.csv.contains("accuracy,all,mean,,0,0.875,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Confusion;

impl Figure for Confusion {
    fn name(&self) -> &str {
        "confusion"
    }

    fn about(&self) -> &str {
        "what is guessed for each class, at some times"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[("label", "true class"), ("guess", "class that is guessed"), ("value", "number of images")]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["label", "guess", "value"])?;
        ["time_ms", "value"].iter().try_for_each(|name| table.need_numbers(name))?;
        some_rows(table, "labels and guesses")?;
        let (shown, onset) = table.stimulus()?;
        let categories = Categories::of(table, options);
        if categories.names.len() > CATEGORIES {
            return Err(FigureError::Nothing(format!(
                "{} categories are more than {CATEGORIES} rows of matrices; draw fewer in one figure",
                categories.names.len()
            )));
        }
        let classes = classes(table);
        let counts = Counts::of(table, &classes);
        let times = counts.times();
        let picks = evenly(&times, TIMES);
        let mut rows = Vec::new();
        let mut accuracy = Vec::new();
        for category in counts.categories() {
            let matrices = picks.iter().enumerate().map(|(i, &time)| {
                let values = counts.shares(&category, time, classes.len());
                let name = time.map_or("confusion".to_owned(), |time| format!("confusion at {} ms", time - onset));
                let name = if category.is_empty() { name } else { format!("{category} {name}") };
                let matrix = Matrix {
                    rows: classes.clone(),
                    columns: classes.clone(),
                    values,
                    range: (0., 1.),
                    label: "share of class".into(),
                };
                let title = match time {
                    Some(time) => format!("{} ms", super::scale::short(time - onset)),
                    None => String::new(),
                };
                let class = if category.is_empty() { "class".into() } else { format!("class ({category})") };
                let y = Axis::new(if i == 0 { class } else { String::new() });
                Panel { title, x: Axis::new("guess"), y, matrix: Some(matrix), ..Panel::new(name) }
            });
            rows.push(Row { shared_y: true, ..Row::new(200., matrices.collect()) });
            let mut series = counts.accuracy(&category, onset);
            series.keys = vec![("category".into(), category)];
            accuracy.push(series);
        }
        let mut notes: Vec<String> = picked("time", picks.len(), times.len()).into_iter().collect();
        notes.push("Each row of a matrix: shares of the images of a class, mean over seeds. Grey: no images.".into());
        if times.iter().flatten().count() > 0 {
            let lines = accuracy.into_iter().map(|series| categories.line(series).labelled(categories.named()));
            let at = picks.iter().flatten().map(|time| Rule::vertical(time - onset, "", Ink::grey().dotted()));
            let (x, y) = (Axis::new("time from onset (ms)"), Axis::new("accuracy").including(&[0., 1.]));
            let panel = Panel { x, y, lines: lines.collect(), rules: at.collect(), shown, ..Panel::new("accuracy") };
            rows.push(Row::new(90., vec![panel]));
            notes.push(
                "Accuracy is the mean of the classes' shares that are right; dotted: times of the matrices.".into(),
            );
        }
        Page { notes, legend: categories.legend(), ..Page::new("Confusion over time", rows) }.draw(options)
    }
}

/// All classes: labels in order, then guesses that are no label.
fn classes(table: &Table) -> Vec<String> {
    let mut classes = table.levels("label");
    for guess in table.levels("guess") {
        if !classes.contains(&guess) {
            classes.push(guess);
        }
    }
    if classes.iter().all(|class| class.parse::<f64>().is_ok()) {
        classes.sort_by(|a, b| a.parse().unwrap_or(0f64).total_cmp(&b.parse().unwrap_or(0f64)));
    }
    classes
}

/// Counts of each category, time and seed, row-major.
struct Counts {
    of: BTreeMap<(String, Option<Time>, String), Vec<f64>>,
    order: Vec<String>,
}

/// A time that can be ordered.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Time(f64);

impl Eq for Time {}

#[allow(clippy::derive_ord_xor_partial_ord, reason = "no time is NaN, and there the two orders agree")]
impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Counts {
    fn of(table: &Table, classes: &[String]) -> Self {
        let place: BTreeMap<&String, usize> = classes.iter().enumerate().map(|(i, class)| (class, i)).collect();
        let mut of: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for row in 0..table.rows() {
            let class = |name: &str| table.label(name, row).and_then(|label| place.get(&label).copied());
            let (Some(label), Some(guess), Some(count)) = (class("label"), class("guess"), table.number("value", row))
            else {
                continue;
            };
            let text = |name: &str| table.label(name, row).unwrap_or_default();
            let key = (text("category"), table.number("time_ms", row).map(Time), text("seed"));
            let counts = of.entry(key).or_insert_with(|| vec![0.; classes.len() * classes.len()]);
            if let Some(cell) = counts.get_mut(label * classes.len() + guess) {
                *cell += count;
            }
        }
        let mut order = table.levels("category");
        if order.is_empty() {
            order.push(String::new());
        }
        Counts { of, order }
    }

    fn categories(&self) -> Vec<String> {
        self.order.clone()
    }

    fn times(&self) -> Vec<Option<f64>> {
        let mut times: Vec<Option<Time>> = self.of.keys().map(|(_, time, _)| *time).collect();
        times.sort_unstable();
        times.dedup();
        if times.is_empty() {
            times.push(None);
        }
        times.into_iter().map(|time| time.map(|Time(time)| time)).collect()
    }

    /// Each seed's shares of its rows.
    fn seeds(&self, category: &str, time: Option<f64>, classes: usize) -> Vec<(&str, Vec<Option<f64>>)> {
        let own = self.of.iter().filter(|((c, t, _), _)| c == category && t.map(|Time(t)| t) == time);
        let shares = |counts: &Vec<f64>| {
            let row = |row: &[f64]| {
                let all: f64 = row.iter().sum();
                row.iter().map(|count| (all > 0.).then(|| count / all)).collect::<Vec<_>>()
            };
            counts.chunks(classes.max(1)).flat_map(row).collect()
        };
        own.map(|((_, _, seed), counts)| (seed.as_str(), shares(counts))).collect()
    }

    fn shares(&self, category: &str, time: Option<f64>, classes: usize) -> Vec<Option<f64>> {
        let seeds = self.seeds(category, time, classes);
        let mean = |cell: usize| {
            let known: Vec<f64> = seeds.iter().filter_map(|(_, shares)| shares.get(cell).copied().flatten()).collect();
            crate::statistics::mean(&known)
        };
        (0..classes * classes).map(mean).collect()
    }

    fn accuracy(&self, category: &str, onset: f64) -> Series {
        let times: Vec<f64> = self.times().into_iter().flatten().collect();
        let classes = self.of.values().map(Vec::len).max().map_or(0, usize::isqrt);
        let of = |time: &f64| {
            let right = |(seed, shares): (&str, Vec<Option<f64>>)| {
                let known: Vec<f64> = shares.iter().step_by(classes + 1).filter_map(|share| *share).collect();
                (seed.to_owned(), crate::statistics::mean(&known))
            };
            (time - onset, self.seeds(category, Some(*time), classes).into_iter().map(right).collect())
        };
        super::compose::along(&times.iter().map(of).collect::<Vec<_>>(), 1)
    }
}
