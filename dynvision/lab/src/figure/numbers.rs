//! The table of what a page draws.

use super::panel::{Line, Page, Panel};
use super::{FigureError, Options};

/// One row of the table.
#[derive(Default)]
struct Number<'a> {
    series: &'a str,
    kind: &'a str,
    seed: &'a str,
    x: String,
    y: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    seeds: Option<u64>,
    samples: Option<u64>,
}

type Writer = csv::Writer<Vec<u8>>;

/// Returns what the page draws as comma-separated values, as [`Drawing`](super::Drawing) describes them.
pub(super) fn table(page: &Page, options: &Options) -> Result<String, FigureError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["panel", "series", "kind", "seed", "x", "y", "low", "high", "seeds", "samples"])?;
    for panel in page.rows.iter().flat_map(|row| &row.panels) {
        of_panel(&mut writer, panel, options)?;
    }
    let bytes = writer.into_inner().map_err(|error| FigureError::File(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn put(writer: &mut Writer, panel: &Panel, number: Number<'_>) -> Result<(), FigureError> {
    let float = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    let count = |n: Option<u64>| n.map_or(String::new(), |n| n.to_string());
    let Number { series, kind, seed, x, y, low, high, seeds, samples } = number;
    let [y, low, high] = [y, low, high].map(float);
    let [seeds, samples] = [seeds, samples].map(count);
    let cells: [&str; 10] = [&panel.name, series, kind, seed, &x, &y, &low, &high, &seeds, &samples];
    Ok(writer.write_record(cells)?)
}

fn of_panel(writer: &mut Writer, panel: &Panel, options: &Options) -> Result<(), FigureError> {
    for shown in &panel.shown {
        let number = Number {
            kind: "stimulus",
            x: shown.from.to_string(),
            y: Some(shown.level),
            low: Some(shown.from),
            high: Some(shown.to),
            ..Number::default()
        };
        put(writer, panel, number)?;
    }
    for line in &panel.lines {
        of_line(writer, panel, line, options)?;
    }
    for rule in &panel.rules {
        let at = Some(rule.at);
        let (x, y) = if rule.vertical { (at, None) } else { (None, at) };
        let x = x.map_or(String::new(), |x| x.to_string());
        put(writer, panel, Number { series: &rule.label, kind: "rule", x, y, ..Number::default() })?;
    }
    for mark in &panel.marks {
        let (x, y) = (mark.x.to_string(), Some(mark.y));
        put(writer, panel, Number { series: &mark.name, kind: "mark", x, y, ..Number::default() })?;
    }
    for violin in &panel.violins {
        let of = &violin.distribution;
        let statistics = [
            ("min", Some(of.min)),
            ("q1", Some(of.quartiles.0)),
            ("median", Some(of.median)),
            ("q3", Some(of.quartiles.1)),
            ("max", Some(of.max)),
            ("average", Some(of.mean)),
            ("std", of.std),
        ];
        let (series, samples) = (violin.name.as_str(), Some(of.n as u64));
        for (kind, y) in statistics {
            put(writer, panel, Number { series, kind, y, samples, ..Number::default() })?;
        }
        for &(value, density) in &of.density {
            let (x, y) = (density.to_string(), Some(value));
            put(writer, panel, Number { series, kind: "density", x, y, ..Number::default() })?;
        }
    }
    if let Some(matrix) = &panel.matrix {
        let cells = matrix.rows.iter().flat_map(|row| matrix.columns.iter().map(move |column| (row, column)));
        for ((row, column), &y) in cells.zip(&matrix.values) {
            put(writer, panel, Number { series: row, kind: "cell", x: column.clone(), y, ..Number::default() })?;
        }
    }
    Ok(())
}

fn of_line(writer: &mut Writer, panel: &Panel, line: &Line, options: &Options) -> Result<(), FigureError> {
    let (series, kind) = (line.name.as_str(), if line.known { "curve" } else { "mean" });
    let label = |x: f64| {
        let tick = panel.x.ticks.iter().find(|(at, _)| *at == x.round()).map(|(_, label)| label.clone());
        tick.unwrap_or_else(|| x.to_string())
    };
    let samples: u64 = line.series.seeds.iter().map(|seed| seed.samples).sum();
    for point in line.series.points(options.level) {
        let (x, y) = (label(point.x), point.mean);
        let (low, high) = point.interval.unzip();
        let counts = (!line.known).then_some((point.seeds as u64, samples));
        let (seeds, samples) = counts.unzip();
        put(writer, panel, Number { series, kind, x, y, low, high, seeds, samples, ..Number::default() })?;
    }
    if line.known || !line.each_seed {
        return Ok(());
    }
    for seed in &line.series.seeds {
        for (&x, &y) in line.series.x.iter().zip(&seed.values) {
            put(writer, panel, Number { series, kind: "seed", seed: &seed.name, x: label(x), y, ..Number::default() })?;
        }
    }
    Ok(())
}
