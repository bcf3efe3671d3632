use super::compose::{Categories, evenly, picked, some_rows};
use super::panel::{Axis, Line, Matrix, Page, Panel, Row, Rule};
use super::{Drawing, Figure, FigureError, Ink, Options, Table};

/// Most matrices beside each other.
const TIMES: usize = 5;
/// Most areas, each with its row of matrices.
const AREAS: usize = 8;

/// Representational dissimilarity matrices of each area at some times, and their mean over time.
///
/// Rows and columns are images or classes, in the table's order, and colours the dissimilarity of the activity they cause,
/// mean over seeds, on one scale for all. Below, the mean dissimilarity of different images over time: how much an area
/// tells them apart.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Rdm, Table};
///
/// let table = Table::read_csv("area,time_ms,row,column,value\nv1,0,a,a,0\nv1,0,a,b,0.5\nv1,0,b,a,0.5\nv1,0,b,b,0\n".as_bytes())?;
/// let drawing = Rdm.draw(&table, &Options::default())?;
/// assert!(drawing.csv.contains("v1 at 0 ms,a,cell,,b,0.5,") && drawing.csv.contains("mean dissimilarity,v1,mean,,0,0.5,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Rdm;

impl Figure for Rdm {
    fn name(&self) -> &str {
        "rdm"
    }

    fn about(&self) -> &str {
        "representational dissimilarity of each area at some times"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[
            ("area", "area"),
            ("time_ms", "time in ms"),
            ("row", "one image or class"),
            ("column", "the other"),
            ("value", "dissimilarity"),
        ]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["area", "time_ms", "row", "column", "value"])?;
        ["time_ms", "value"].iter().try_for_each(|name| table.need_numbers(name))?;
        some_rows(table, "dissimilarities")?;
        let (shown, onset) = table.stimulus()?;
        let areas = options.ordered_areas(table);
        if areas.len() > AREAS {
            return Err(FigureError::Nothing(format!(
                "{} areas are more than {AREAS} rows of matrices; draw fewer in one figure",
                areas.len()
            )));
        }
        let times = table.levels("time_ms");
        let picks = evenly(&times, TIMES);
        let items = table.levels("row");
        let values: Vec<f64> = (0..table.rows()).filter_map(|row| table.number("value", row)).collect();
        let (low, high) = values.iter().fold((0f64, 0f64), |(low, high), x| (low.min(*x), high.max(*x)));
        let shifted = |time: &str| time.parse().unwrap_or(f64::NAN) - onset;
        let mut rows = Vec::new();
        for (i, area) in areas.iter().rev().enumerate() {
            let of_area = table.having("area", &[area]);
            let mut panels = Vec::new();
            for (j, time) in picks.iter().enumerate() {
                let values = cells(&of_area.having("time_ms", &[time]), &items)?;
                let matrix = Matrix {
                    rows: items.clone(),
                    columns: items.clone(),
                    values,
                    range: (low, high),
                    label: "dissimilarity".into(),
                };
                let title = if i == 0 { format!("{} ms", super::scale::short(shifted(time))) } else { String::new() };
                let y = Axis::new(if j == 0 { area.as_str() } else { "" });
                panels.push(Panel {
                    title,
                    y,
                    matrix: Some(matrix),
                    ..Panel::new(format!("{area} at {} ms", shifted(time)))
                });
            }
            rows.push(Row { shared_y: true, ..Row::new(180., panels) });
        }
        rows.push(Row::new(90., vec![mean_panel(table, &areas, &picks, onset, shown, options)?]));
        let mut notes: Vec<String> = picked("time", picks.len(), times.len()).into_iter().collect();
        notes.push("Below: mean over pairs of different items; dotted: times of the matrices.".into());
        Page { notes, ..Page::new("Representational dissimilarity", rows) }.draw(options)
    }
}

/// Mean over seeds of each cell, row-major.
fn cells(own: &Table, items: &[String]) -> Result<Vec<Option<f64>>, FigureError> {
    let (rows, columns) = (own.coded("row"), own.coded("column"));
    let place = |levels: &[String]| -> Vec<Option<usize>> {
        let known: std::collections::HashMap<&String, usize> =
            items.iter().enumerate().map(|(i, item)| (item, i)).collect();
        levels.iter().map(|level| known.get(level).copied()).collect()
    };
    let (row_places, column_places) = (place(&rows.levels), place(&columns.levels));
    let cell = |row: usize| {
        let of = |codes: &[Option<usize>], places: &[Option<usize>]| {
            codes.get(row).copied().flatten().and_then(|code| places.get(code).copied().flatten())
        };
        Some((of(&rows.codes, &row_places)? * items.len() + of(&columns.codes, &column_places)?) as f64)
    };
    let own = own.clone().numbers("cell", (0..own.rows()).map(cell))?;
    let mut values = vec![None; items.len() * items.len()];
    for series in own.series("cell", &[])? {
        for point in series.points(0.95) {
            if let Some(value) = values.get_mut(point.x as usize) {
                *value = point.mean;
            }
        }
    }
    Ok(values)
}

fn mean_panel(
    table: &Table,
    areas: &[String],
    picks: &[String],
    onset: f64,
    shown: Vec<super::Shown>,
    options: &Options,
) -> Result<Panel, FigureError> {
    let different = table.filtered(|&row| table.label("row", row) != table.label("column", row));
    let inks = options.palette.inks(areas);
    let named = areas.len() <= 6 && Categories::of(table, options).names.is_empty();
    let line = |series: super::Series| {
        let area = series.key("area").to_owned();
        let ink = areas.iter().position(|other| *other == area).and_then(|i| inks.get(i).cloned());
        let mut series = series.shifted(-onset);
        // pairs of images are no samples
        series.seeds.iter_mut().for_each(|seed| seed.samples = 1);
        Line::new(area, ink.unwrap_or_else(Ink::grey), series).labelled(named)
    };
    let lines = different.series("time_ms", &["area"])?.into_iter().map(line).collect();
    let at = |time: &String| Rule::vertical(time.parse().unwrap_or(f64::NAN) - onset, "", Ink::grey().dotted());
    let (x, y) = (Axis::new("time from onset (ms)"), Axis::new("mean dissimilarity").including(&[0.]));
    Ok(Panel { x, y, lines, rules: picks.iter().map(at).collect(), shown, ..Panel::new("mean dissimilarity") })
}
