use super::compose::{Categories, some_rows};
use super::panel::{Axis, Line, Page, Panel, Row, Rule};
use super::{Drawing, Figure, FigureError, Ink, Options, Scale, Series, Table};

/// Curves of training: a panel for each measure over epochs, validation dashed.
///
/// Measures are in the order of the table. Those that are positive and span more than two decades, as learning rates do, have a
/// logarithmic scale. A text in the column `event` is a vertical line with that label, such as a checkpoint.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Table, Training};
///
/// let table = Table::read_csv("epoch,measure,split,seed,value\n1,accuracy,training,0,0.3\n1,accuracy,validation,0,0.2\n".as_bytes())?;
/// let drawing = Training.draw(&table, &Options::default())?;
/// assert!(drawing.csv.contains("accuracy,validation,mean,,1,0.2,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Training;

impl Figure for Training {
    fn name(&self) -> &str {
        "training"
    }

    fn about(&self) -> &str {
        "accuracy, losses, learning rate and what else is measured over epochs"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[("epoch", "epoch, or step"), ("measure", "`accuracy`, `loss`, `learning_rate`, …"), ("value", "the number")]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["epoch", "measure", "value"])?;
        some_rows(table, "measures over epochs")?;
        let categories = Categories::of(table, options);
        let measures = table.levels("measure");
        let columns = if measures.len() > 1 { 2 } else { 1 };
        let events = events(table);
        let mut panels = Vec::new();
        for (i, measure) in measures.iter().enumerate() {
            let last = (i + 1) % columns == 0 || i + 1 == measures.len();
            let mut panel = measure_panel(&table.having("measure", &[measure]), measure, &categories, last)?;
            let labelled = |(at, label): &(f64, String)| {
                // the label stands once
                Rule::vertical(*at, if i == 0 { label.as_str() } else { "" }, Ink::grey().dotted())
            };
            panel.rules.extend(events.iter().map(labelled));
            panels.push(panel);
        }
        let rows: Vec<Row> = panels.chunks(columns).map(|panels| Row::new(130., panels.to_vec())).collect();
        let mut notes = Vec::new();
        if table.levels("split").len() > 1 {
            notes.push("Training is solid, validation dashed.".to_owned());
        }
        Page { legend: categories.legend(), notes, ..Page::new("Training", rows) }.draw(options)
    }
}

fn events(table: &Table) -> Vec<(f64, String)> {
    let mut found: Vec<(f64, String)> = Vec::new();
    for row in 0..table.rows() {
        if let (Some(epoch), Some(event)) = (table.number("epoch", row), table.label("event", row))
            && !found.iter().any(|(at, label)| *at == epoch && *label == event)
        {
            found.push((epoch, event));
        }
    }
    found
}

fn measure_panel(own: &Table, measure: &str, categories: &Categories, last: bool) -> Result<Panel, FigureError> {
    let series = own.series("epoch", &["category", "split"])?;
    let values = || series.iter().flat_map(|s| &s.seeds).flat_map(|seed| seed.values.iter().flatten().copied());
    let (low, high) = values().fold((f64::INFINITY, 0.), |(low, high): (f64, f64), x| (low.min(x), high.max(x)));
    let scale = if low > 0. && high > 100. * low { Scale::Log } else { Scale::Linear };
    let mut y = Axis { scale, ..Axis::new(measure.replace('_', " ")) };
    if measure.contains("accuracy") {
        y = y.including(&[0., 1.]);
    } else if scale == Scale::Linear && low >= 0. {
        y = y.including(&[0.]);
    }
    let line = |series: Series| {
        let held_out = ["validation", "test"].contains(&series.key("split"));
        let split = series.key("split").to_owned();
        let line = categories.line(series);
        let ink = if held_out { line.ink.clone().dashed() } else { line.ink.clone() };
        let name = match (line.name.as_str(), split.as_str()) {
            (name, "") => name.to_owned(),
            ("all", split) => split.to_owned(),
            (name, split) => format!("{name} {split}"),
        };
        // of a category only one line is named, or both where there are no categories
        let label = match (categories.names.is_empty(), held_out) {
            (true, _) => split,
            (false, true) => String::new(),
            (false, false) => line.name.clone(),
        };
        let label = if last && (categories.named() || categories.names.is_empty()) { label } else { String::new() };
        Line { ink, name, label, ..line }
    };
    let lines = series.into_iter().map(line).collect();
    Ok(Panel { x: Axis::new("epoch"), y, lines, ..Panel::new(measure) })
}
