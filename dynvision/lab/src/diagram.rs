//! How a model is wired, as text and as a picture.

use crate::anatomy::{Anatomy, Connection, Role};
use crate::figure::escaped;
use std::fmt::Write;

const WIDTH: usize = 116;
const HEIGHT: usize = 54;
const GAP: usize = 44;
const MARGIN: usize = 20;

/// What stands in the row of boxes.
struct Box {
    name: String,
    below: String,
    recurrent: bool,
}

fn sizes([c, h, w]: [usize; 3]) -> String {
    format!("{c}×{h}×{w}")
}

fn boxes(model: &Anatomy) -> Vec<Box> {
    let recurrent = |name: &str| {
        let of = |role: &Role| matches!(role, Role::Recurrence { area } if area == name);
        model.parameters.iter().any(|parameter| of(&parameter.role))
    };
    let frame = Box { name: "frame".into(), below: sizes(model.frame), recurrent: false };
    let areas = model.areas.iter().map(|area| Box {
        name: area.name.clone(),
        below: sizes(area.shape),
        recurrent: recurrent(&area.name),
    });
    let readout = Box { name: "readout".into(), below: format!("{} classes", model.classes), recurrent: false };
    std::iter::once(frame).chain(areas).chain([readout]).collect()
}

/// Where links lead: kind, the places of the boxes, name; the shortest first.
fn links<'a>(model: &'a Anatomy, boxes: &[Box]) -> Vec<(Connection, usize, usize, &'a str)> {
    let place = |name: &str| boxes.iter().position(|known| known.name == name).unwrap_or_default();
    let mut links: Vec<_> = model
        .links
        .iter()
        .map(|link| {
            let into = link.into.as_deref().map_or(boxes.len() - 1, place);
            (link.kind, place(&link.from), into, link.name.as_str())
        })
        .collect();
    links.sort_by_key(|(_, from, into, _)| from.abs_diff(*into));
    links
}

/// The wiring as lines of text.
///
/// ```
/// use dynvision_lab::{diagram, models::{WeightSource, Models}};
///
/// let mut models = Models::default();
/// models.add::<dynvision::zoo::DyRCNNx2>("mine")?;
/// let entry = models.get("mine")?;
/// let subject = entry.subject(&entry.dynamics()?, WeightSource::Seed(0))?;
/// let text = diagram::text(subject.anatomy());
/// assert!(text.contains("frame 3×32×32 -> layer1 36×32×32 (recurrent) -> layer2"));
/// assert!(text.contains("skip layer1 -> layer2"));
/// # Ok::<(), dynvision_lab::LabError>(())
/// ```
pub fn text(model: &Anatomy) -> String {
    let boxes = boxes(model);
    let label = |b: &Box| format!("{} {}{}", b.name, b.below, if b.recurrent { " (recurrent)" } else { "" });
    let mut out = format!("{}\n", model.name);
    let row: Vec<String> = boxes.iter().map(label).collect();
    out.push_str(&row.join(" -> "));
    out.push('\n');
    for (kind, from, into, name) in links(model, &boxes) {
        let kind = if kind == Connection::Skip { "skip" } else { "feedback" };
        let of = |place: usize| boxes.get(place).map_or("", |b| b.name.as_str());
        let _ = writeln!(out, "{kind} {} -> {} ({name})", of(from), of(into));
    }
    out
}

/// The wiring as SVG: areas in a row, skips above, feedback below, recurrence as loops. The same model gives the same bytes.
///
/// ```
/// use dynvision_lab::{diagram, models::{WeightSource, Models}};
///
/// let mut models = Models::default();
/// models.add::<dynvision::zoo::DyRCNNx2>("mine")?;
/// let entry = models.get("mine")?;
/// let svg = diagram::svg(entry.subject(&entry.dynamics()?, WeightSource::Seed(0))?.anatomy());
/// assert!(svg.starts_with("<svg") && svg.contains(">layer2<"));
/// # Ok::<(), dynvision_lab::LabError>(())
/// ```
pub fn svg(model: &Anatomy) -> String {
    let boxes = boxes(model);
    let links = links(model, &boxes);
    let rise = |from: usize, into: usize, level: usize| 26 + 14 * from.abs_diff(into) + 8 * level;
    let extent = |kind: Connection| {
        let of = links.iter().enumerate().filter(|(_, link)| link.0 == kind);
        of.map(|(level, link)| rise(link.1, link.2, level)).max().unwrap_or(0)
    };
    let loops = if boxes.iter().any(|b| b.recurrent) { 34 } else { 0 };
    let top = MARGIN + 14 + extent(Connection::Skip).max(loops);
    let width = 2 * MARGIN + boxes.len() * WIDTH + (boxes.len() - 1) * GAP;
    let height = top + HEIGHT + extent(Connection::Feedback) + MARGIN + 34;
    let left = |place: usize| MARGIN + place * (WIDTH + GAP);
    let middle = |place: usize| left(place) + WIDTH / 2;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Helvetica, Arial, sans-serif\">\n<title>{} on {}</title>\n<rect width=\"{width}\" height=\"{height}\" \
         fill=\"#ffffff\"/>\n<defs>",
        escaped(&model.name),
        escaped(&sizes(model.frame)),
    );
    for (id, colour) in [("f", "#444444"), ("r", "#0072b2"), ("s", "#009e73"), ("b", "#d55e00")] {
        let _ = write!(
            out,
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{colour}\"/></marker>"
        );
    }
    out.push_str("</defs>\n");
    let arrow = |out: &mut String, path: String, colour: &str, id: &str| {
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" marker-end=\"url(#{id})\"/>"
        );
    };
    for place in 1..boxes.len() {
        let y = top + HEIGHT / 2;
        arrow(&mut out, format!("M{} {y}H{}", left(place - 1) + WIDTH, left(place)), "#444444", "f");
    }
    for (place, _) in boxes.iter().enumerate().filter(|(_, b)| b.recurrent) {
        let (x, y) = (middle(place), top);
        arrow(
            &mut out,
            format!("M{} {y}C{} {},{} {},{} {y}", x + 14, x + 30, y - 34, x - 30, y - 34, x - 14),
            "#0072b2",
            "r",
        );
    }
    for (level, (kind, from, into, name)) in links.iter().enumerate() {
        let up = rise(*from, *into, level);
        let (a, b) = (middle(*from), middle(*into));
        let (y, far, colour, id, text) = match kind {
            Connection::Skip => (top, top.saturating_sub(up), "#009e73", "s", top.saturating_sub(up * 3 / 4 + 4)),
            _ => (top + HEIGHT, top + HEIGHT + up, "#d55e00", "b", top + HEIGHT + up * 3 / 4 + 12),
        };
        let (a, b) = if from < into { (a + 38, b - 38) } else { (a - 38, b + 38) };
        arrow(&mut out, format!("M{a} {y}C{a} {far},{b} {far},{b} {y}"), colour, id);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{text}\" font-size=\"10\" text-anchor=\"middle\" fill=\"{colour}\">{}</text>",
            (a + b) / 2,
            escaped(name)
        );
    }
    for (place, b) in boxes.iter().enumerate() {
        let (x, y) = (left(place), top);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"#f4f6f8\" stroke=\"#333333\"/>\
             <text x=\"{m}\" y=\"{}\" font-size=\"14\" text-anchor=\"middle\">{}</text>\
             <text x=\"{m}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#555555\">{}</text>",
            y + 24,
            escaped(&b.name),
            y + 42,
            escaped(&b.below),
            m = middle(place),
        );
    }
    let legend = [("feedforward", "#444444"), ("recurrence", "#0072b2"), ("skip", "#009e73"), ("feedback", "#d55e00")];
    let has = |kind: Connection| links.iter().any(|link| link.0 == kind);
    let shown = [true, loops > 0, has(Connection::Skip), has(Connection::Feedback)];
    let mut x = MARGIN;
    for ((name, colour), _) in legend.iter().zip(shown).filter(|(_, shown)| *shown) {
        let y = height - 14;
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y}h20\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{}\" font-size=\"11\" \
             fill=\"#333333\">{name}</text>",
            x + 26,
            y + 4
        );
        x += 40 + 7 * name.len();
    }
    out.push_str("</svg>\n");
    out
}
