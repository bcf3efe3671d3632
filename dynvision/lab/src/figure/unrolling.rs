use super::compose::some_rows;
use super::panel::{Axis, Line, Page, Panel, Row};
use super::scale::short;
use super::{Drawing, Figure, FigureError, Ink, Options, Series, Table};

/// Biological and engineering time of the same network.
///
/// Activity of each area in both ways of unrolling, and engineering time shifted by the delay until the area is reached (column
/// `shift_ms`, with its rows), as dots. Below each, the residual: biological minus shifted, in hundredths of the largest activity,
/// for times that both have. A residual of 0 says that the two differ in when, not in what.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Table, Unrolling};
///
/// let table = Table::read_csv(
///     "time_ms,area,unrolling,shift_ms,value\n\
///      0,v2,biological,,0\n2,v2,biological,,1\n4,v2,biological,,0.5\n\
///      0,v2,engineering,2,1\n2,v2,engineering,2,0.5\n4,v2,engineering,2,0.25\n".as_bytes(),
/// )?;
/// let drawing = Unrolling.draw(&table, &Options::default())?;
/// // At 2 and 4 ms the two agree; at 0 and 6 ms only one of them is known.
/// assert!(drawing.csv.contains("v2 residual,residual,mean,,2,0,") && drawing.csv.contains("v2 residual,residual,mean,,0,,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Unrolling;

impl Figure for Unrolling {
    fn name(&self) -> &str {
        "unrolling"
    }

    fn about(&self) -> &str {
        "biological and engineering time: the same activity, shifted"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[
            ("time_ms", "time in ms"),
            ("area", "area"),
            ("unrolling", "`biological` or `engineering`"),
            ("shift_ms", "by how much engineering time is early in the area, in ms"),
            ("value", "activity"),
        ]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["time_ms", "area", "unrolling", "shift_ms", "value"])?;
        table.need_numbers("shift_ms")?;
        some_rows(table, "both ways of unrolling")?;
        let (shown, onset) = table.stimulus()?;
        let (green, ochre) = (Ink::new("#009e73"), Ink::new("#e69f00").dashed());
        let (mut rows, mut shifts) = (Vec::new(), Vec::new());
        let areas = options.ordered_areas(table);
        for (i, area) in areas.iter().rev().enumerate() {
            let own = table.having("area", &[area]);
            let of = |name: &str| -> Result<Option<Series>, FigureError> {
                let found = own.having("unrolling", &[name]).series("time_ms", &[])?.into_iter().next();
                Ok(found.map(|series| series.shifted(-onset)))
            };
            let (biological, engineering) = (of("biological")?, of("engineering")?);
            let shift = (0..own.rows()).find_map(|row| own.number("shift_ms", row)).unwrap_or(0.);
            shifts.push(format!("{area} {} ms", short(shift)));
            let shifted = engineering.clone().map(|series| series.shifted(shift));
            let mut lines = Vec::new();
            let labelled = i == 0;
            lines.extend(biological.clone().map(|s| Line::new("biological", green.clone(), s).labelled(labelled)));
            lines.extend(
                engineering.map(|s| {
                    Line { each_seed: false, ..Line::new("engineering", ochre.clone(), s) }.labelled(labelled)
                }),
            );
            lines.extend(shifted.clone().map(|s| Line {
                joined: false,
                dots: true,
                each_seed: false,
                ..Line::known("shifted", Ink::new("#7a5200"), s)
            }));
            let panel = |name: String, label: String, lines| Panel {
                x: Axis::new("time from onset (ms)"),
                y: Axis::new(label).including(&[0.]),
                lines,
                shown: shown.clone(),
                ..Panel::new(name)
            };
            rows.push(Row::new(76., vec![panel(area.clone(), area.clone(), lines)]));
            let residual = biological.zip(shifted).map(|(biological, shifted)| residual(&biological, &shifted));
            let largest = residual
                .iter()
                .flat_map(|s| &s.seeds)
                .flat_map(|seed| &seed.values)
                .flatten()
                .fold(0f64, |most, x| most.max(x.abs()));
            let mut below = panel(format!("{area} residual"), "residual (%)".into(), Vec::new());
            if let Some(series) = residual {
                let known = series.seeds.iter().any(|seed| seed.values.iter().any(Option::is_some));
                below.lines.push(Line::new("residual", Ink::new("#0072b2"), series));
                let text = if known {
                    format!("largest residual in {area}: {} %", short(largest))
                } else {
                    format!("no time of {area} is in both")
                };
                below.notes.push(text);
            }
            rows.push(Row::new(50., vec![below]));
        }
        let notes = vec![
            format!("Dots: engineering time, shifted by {}.", shifts.join(", ")),
            "Residual: biological minus shifted, in hundredths of the largest activity of the area.".into(),
        ];
        Page { notes, joined: true, ..Page::new("Biological and engineering time", rows) }.draw(options)
    }
}

/// The difference where both have a time, for each seed that both have, in hundredths of the first one's largest value.
fn residual(biological: &Series, shifted: &Series) -> Series {
    let largest =
        biological.seeds.iter().flat_map(|seed| seed.values.iter().flatten()).fold(0f64, |most, x| most.max(x.abs()));
    let near = |x: f64| shifted.x.iter().position(|other| (other - x).abs() < 1e-6 * (1. + x.abs()));
    let mut residual = biological.clone();
    for seed in &mut residual.seeds {
        let other = shifted.seeds.iter().find(|other| other.name == seed.name);
        for (&x, value) in biological.x.iter().zip(&mut seed.values) {
            let there = other.and_then(|other| other.values.get(near(x)?).copied().flatten());
            *value = value.zip(there).map(|(a, b)| 100. * (a - b) / if largest > 0. { largest } else { 1. });
        }
    }
    residual
}
