use super::compose::{Categories, some_rows};
use super::panel::{Axis, Line, Page, Panel, Row, Rule, Spread, Violin};
use super::{Distribution, Drawing, Figure, FigureError, Ink, Options, Table};

/// Most violins of a panel.
const VIOLINS: usize = 60;

/// Distributions of weights of each area, and the spectral radius of each recurrence.
///
/// A row for each `type` of weights, violins of equal width with the quartiles as a box and the median as a dot; all seeds
/// together. Rows whose `measure` is `spectral_radius` are drawn below, as the mean over seeds: a linear recurrence whose
/// radius is above 1, the dashed line, grows without bound.
///
/// ```
/// use dynvision_lab::figure::{Figure, Options, Table, Weights};
///
/// let table = Table::read_csv(
///     "area,type,measure,seed,value\nv1,recurrence,weight,0,-1\nv1,recurrence,weight,0,0\nv1,recurrence,weight,0,2\n\
///      v1,recurrence,spectral_radius,0,0.75\n".as_bytes(),
/// )?;
/// let drawing = Weights.draw(&table, &Options::default())?;
/// assert!(drawing.csv.contains("recurrence,v1,median,,,0,,,,3") && drawing.csv.contains("spectral radius,recurrence,mean,,v1,0.75,"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Weights;

impl Figure for Weights {
    fn name(&self) -> &str {
        "weights"
    }

    fn about(&self) -> &str {
        "distributions of weights, and the spectral radius of each recurrence"
    }

    fn columns(&self) -> &[(&str, &str)] {
        &[("area", "area"), ("type", "`feedforward`, `recurrence`, …"), ("value", "a weight, or the spectral radius")]
    }

    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        table.need(&["area", "type", "value"])?;
        table.need_numbers("value")?;
        some_rows(table, "weights")?;
        let categories = Categories::of(table, options);
        let areas = options.ordered_areas(table);
        let radius = table.having("measure", &["spectral_radius"]);
        let weights =
            table.filtered(|&row| table.label("measure", row).is_none_or(|measure| measure != "spectral_radius"));
        let groups = categories.names.len().max(1);
        if areas.len() * groups > VIOLINS {
            return Err(FigureError::Nothing(format!(
                "{} areas of {groups} categories are more than {VIOLINS} violins; draw fewer in one figure",
                areas.len()
            )));
        }
        let mut rows = Vec::new();
        for kind in weights.levels("type") {
            let own = weights.having("type", &[&kind]);
            rows.push(Row::new(130., vec![violins(&own, &kind, &areas, &categories)]));
        }
        let mut notes = vec!["Violins: all seeds together; box: quartiles; dot: median.".to_owned()];
        if radius.rows() > 0 {
            rows.push(Row::new(100., vec![radii(&radius, &areas, &categories)?]));
            notes.push("Dashed: a linear recurrence above a spectral radius of 1 grows without bound.".into());
        }
        let legend = categories.names.iter().map(|name| (name.clone(), categories.ink(name))).collect();
        Page { legend, notes, joined: true, ..Page::new("Weights", rows) }.draw(options)
    }
}

/// Where a category stands beside the others of an area, and half the width that it has.
fn place(area: usize, group: usize, groups: usize) -> (f64, f64) {
    let each = 0.84 / groups as f64;
    (area as f64 - 0.42 + each * (group as f64 + 0.5), each * 0.46)
}

fn groups(categories: &Categories) -> Vec<String> {
    if categories.names.is_empty() { vec![String::new()] } else { categories.names.clone() }
}

fn violins(own: &Table, kind: &str, areas: &[String], categories: &Categories) -> Panel {
    let groups = groups(categories);
    let mut panel = Panel {
        x: Axis::categories("area", areas),
        y: Axis::new(kind),
        rules: vec![Rule::horizontal(0., "", Ink::grey().dotted())],
        ..Panel::new(kind)
    };
    for (i, area) in areas.iter().enumerate() {
        let of_area = own.having("area", &[area]);
        for (j, category) in groups.iter().enumerate() {
            let own = if category.is_empty() { of_area.clone() } else { of_area.having("category", &[category]) };
            let values: Vec<f64> = (0..own.rows()).filter_map(|row| own.number("value", row)).collect();
            let (at, half) = place(i, j, groups.len());
            let name = format!("{area} {category}").trim_end().to_owned();
            let violin = |distribution| Violin { name, at, half, ink: categories.ink(category), distribution };
            panel.violins.extend(Distribution::of(&values).map(violin));
        }
    }
    panel
}

fn radii(radius: &Table, areas: &[String], categories: &Categories) -> Result<Panel, FigureError> {
    let groups = groups(categories);
    let mut panel = Panel {
        x: Axis::categories("area", areas),
        y: Axis::new("spectral radius").including(&[0.]),
        rules: vec![Rule::horizontal(1., "", Ink::grey().dashed())],
        ..Panel::new("spectral radius")
    };
    // one number for each seed: every row lies at the same x
    let radius = radius.clone().numbers("at", (0..radius.rows()).map(|_| Some(0.)))?;
    for series in radius.series("at", &["area", "category", "type"])? {
        let area = areas.iter().position(|area| area == series.key("area"));
        let group = groups.iter().position(|group| group == series.key("category"));
        let (Some(area), Some(group)) = (area, group) else { continue };
        let (at, _) = place(area, group, groups.len());
        let name = format!("{} {}", series.key("type"), series.key("category")).trim().to_owned();
        let ink = categories.ink(series.key("category"));
        panel.lines.push(Line {
            joined: false,
            dots: true,
            spread: Spread::Bars,
            ..Line::new(name, ink, series.shifted(at))
        });
    }
    Ok(panel)
}
