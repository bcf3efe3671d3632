use super::compose::{Categories, Landmarks, accuracy, activity, evenly, of_measure, picked, some_rows};
use super::panel::{Axis, Line, Mark, Page, Panel, Row, Rule};
use super::{Drawing, Figure, FigureError, Ink, Options, Series, Shown, Table};
use crate::measure::time_to_half_maximum;

/// Most columns.
const COLUMNS: usize = 7;
/// Most columns that have room for a long label.
const WIDE: usize = 4;

/// Activity of every area over time, a column for each value of the swept parameter, with accuracy above.
///
/// Latency from area to area, transient and steady activity, and what is left after the stimulus can be read off it. The tick
/// on each line is where the response has reached half its maximum. Areas are in the order of the table, from below.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Responses, Table};
///
/// let table = Table::read_csv(
///     "time_ms,stimulus,measure,area,category,seed,value\n\
///      0,0,response,v1,full,0,0\n2,1,response,v1,full,0,0.5\n4,0,response,v1,full,0,0.2\n\
///      0,0,accuracy,,full,0,0.1\n2,1,accuracy,,full,0,0.4\n4,0,accuracy,,full,0,0.8\n".as_bytes(),
/// )?;
/// let drawing = Responses.draw(&table, &Options::default())?;
/// // The onset, at 2 ms in the table, is at 0.
/// assert!(drawing.csv.contains("v1,full,mean,,0,0.5,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Responses;

impl Figure for Responses {
    fn name(&self) -> &str {
        "responses"
    }

    fn about(&self) -> &str {
        "activity of every area and accuracy over time, a column for each condition"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[
            ("time_ms", "time in ms"),
            ("area", "area; empty for accuracy and confidence"),
            ("value", "activity, or accuracy"),
        ]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["time_ms", "area", "value"])?;
        some_rows(table, "activity over time")?;
        let categories = Categories::of(table, options);
        let conditions = table.levels("condition");
        let mut shown = evenly(&conditions, COLUMNS);
        let note = picked(&options.parameter, shown.len(), conditions.len());
        if shown.is_empty() {
            shown.push(String::new());
        }
        let columns = shown.iter().map(|condition| Column::of(table, condition)).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        let mut notes: Vec<String> = note.into_iter().collect();
        if columns.iter().any(|column| !column.performance.is_empty()) {
            let panels = across(&columns, |column, last| column.performance(&categories, options, last));
            rows.push(Row { letter: "A".into(), shared_y: true, ..Row::new(100., panels) });
            let confidence =
                |column: &Column| column.performance.iter().any(|series| series.key("measure") == "confidence");
            if columns.iter().any(confidence) {
                notes.push("Accuracy is solid, confidence dotted.".into());
            }
        }
        let areas = options.ordered_areas(&activity(table));
        let several = areas.len() > 1;
        let all: Vec<f64> = if options.common_scale {
            columns
                .iter()
                .flat_map(|column| &column.activity)
                .flat_map(|s| &s.seeds)
                .flat_map(|seed| &seed.values)
                .flatten()
                .copied()
                .collect()
        } else {
            Vec::new()
        };
        for (i, area) in areas.iter().rev().enumerate() {
            // names stand once
            let panels = across(&columns, |column, last| column.activity(area, &categories, last && i == 0, &all));
            let letter = if i == 0 && !rows.is_empty() { "B" } else { "" };
            rows.push(Row {
                letter: letter.into(),
                shared_y: true,
                ..Row::new(if several { 66. } else { 120. }, panels)
            });
        }
        if let (Some(row), true) = (rows.first_mut(), shown.iter().any(|condition| !condition.is_empty())) {
            for (panel, condition) in row.panels.iter_mut().zip(&shown) {
                panel.title = titled(&options.parameter, condition, shown.len() <= WIDE);
            }
        }
        if columns.len() > WIDE {
            for panel in rows.iter_mut().flat_map(|row| &mut row.panels) {
                panel.x.label = "time (ms)".into();
            }
            notes.push(format!("Columns: {}. Time is from the onset.", options.parameter));
        }
        notes.push("Grey: stimulus. Tick on a line: time to half maximum.".into());
        Page { legend: categories.legend(), notes, joined: true, ..Page::new("Responses over time", rows) }
            .draw(options)
    }
}

/// `gap 20 ms` of `gap (ms)` and 20, or `20 ms` where there is no room.
fn titled(parameter: &str, condition: &str, wide: bool) -> String {
    let (name, unit) = match parameter.split_once(" (") {
        Some((name, unit)) => (name, format!(" {}", unit.trim_end_matches(')'))),
        None => (parameter, String::new()),
    };
    if wide { format!("{name} {condition}{unit}") } else { format!("{condition}{unit}") }
}

/// What is measured at one condition.
struct Column {
    condition: String,
    shown: Vec<Shown>,
    performance: Vec<Series>,
    activity: Vec<Series>,
}

fn across(columns: &[Column], panel: impl Fn(&Column, bool) -> Panel) -> Vec<Panel> {
    columns.iter().enumerate().map(|(i, column)| panel(column, i + 1 == columns.len())).collect()
}

impl Column {
    fn of(table: &Table, condition: &str) -> Result<Self, FigureError> {
        let own = if condition.is_empty() { table.clone() } else { table.having("condition", &[condition]) };
        let (shown, onset) = own.stimulus()?;
        let mut performance = Vec::new();
        for own in [accuracy(&own), of_measure(&own, "confidence")] {
            performance.extend(own.series("time_ms", &["measure", "category"])?);
        }
        let activity = activity(&own).series("time_ms", &["area", "category"])?;
        let shifted = |all: Vec<Series>| all.into_iter().map(|series| series.shifted(-onset)).collect();
        Ok(Column {
            condition: condition.into(),
            shown,
            performance: shifted(performance),
            activity: shifted(activity),
        })
    }

    fn panel(&self, of: &str, y: Axis, lines: Vec<Line>) -> Panel {
        let name = if self.condition.is_empty() { of.to_owned() } else { format!("{of} at {}", self.condition) };
        let shown = self.shown.clone();
        Panel { x: Axis::new("time from onset (ms)"), y, lines, shown, ..Panel::new(name) }
    }

    fn performance(&self, categories: &Categories, options: &Options, last: bool) -> Panel {
        let line = |series: &Series| {
            let accuracy = series.key("measure") != "confidence";
            let line = categories.line(series.clone());
            let ink = if accuracy { line.ink.clone() } else { line.ink.clone().dotted() };
            let name = if accuracy { line.name.clone() } else { format!("{} confidence", line.name) };
            let each_seed = line.each_seed && accuracy;
            Line { name, ink, each_seed, ..line }.labelled(last && accuracy && categories.named())
        };
        let lines = self.performance.iter().map(line).collect();
        let mut panel = self.panel("performance", Axis::new("accuracy").including(&[0., 1.]), lines);
        let dashed = Ink::grey().dashed();
        panel.rules.extend(options.chance.map(|chance| Rule::horizontal(chance, "chance", dashed)));
        panel
    }

    fn activity(&self, area: &str, categories: &Categories, last: bool, common: &[f64]) -> Panel {
        let own: Vec<&Series> = self.activity.iter().filter(|series| series.key("area") == area).collect();
        let lines = own.iter().map(|series| categories.line((*series).clone()).labelled(last && categories.named()));
        let mut panel = self.panel(area, Axis::new(area).including(&[0.]).including(common), lines.collect());
        panel.marks = own.iter().filter_map(|series| half_maximum(series, &self.shown, categories)).collect();
        panel
    }
}

/// Where the mean over seeds has reached half its maximum.
fn half_maximum(series: &Series, shown: &[Shown], categories: &Categories) -> Option<Mark> {
    let means: Vec<Option<f64>> = series.points(0.95).iter().map(|point| point.mean).collect();
    let at = Landmarks::of(&series.x, &means, shown)?;
    let time = at.onset + time_to_half_maximum(&at.trace, at.first()?, at.baseline, at.dt)?;
    let place = series.x.iter().position(|x| (x - time).abs() < at.dt / 2.)?;
    let category = series.key("category");
    let name = format!("half maximum {category}").trim_end().to_owned();
    Some(Mark { x: time, y: *at.trace.get(place)?, name, ink: categories.ink(category) })
}
