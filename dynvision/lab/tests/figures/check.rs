//! What must be true of every drawing: well-formed XML, everything within the page, numbers that are those of the picture.

use dynvision_lab::figure::Drawing;
use roxmltree::{Document, Node};

/// One row of a drawing's table.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) panel: String,
    pub(crate) series: String,
    pub(crate) kind: String,
    pub(crate) x: String,
    pub(crate) y: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

pub(crate) fn read(drawing: &Drawing) -> Result<Vec<Number>, String> {
    let mut reader = csv::Reader::from_reader(drawing.csv.as_bytes());
    let head: Vec<String> = reader.headers().map_err(|e| e.to_string())?.iter().map(str::to_owned).collect();
    if head != ["panel", "series", "kind", "seed", "x", "y", "low", "high", "seeds", "samples"] {
        return Err(format!("columns {head:?}"));
    }
    let float = |text: &str| -> Result<Option<f64>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
        if number.is_finite() { Ok(Some(number)) } else { Err(format!("`{text}` is not finite")) }
    };
    let number = |record: csv::StringRecord| {
        let cell = |i: usize| record.get(i).unwrap_or_default().to_owned();
        Ok(Number {
            panel: cell(0),
            series: cell(1),
            kind: cell(2),
            x: cell(4),
            y: float(&cell(5))?,
            low: float(&cell(6))?,
            high: float(&cell(7))?,
        })
    };
    reader.records().map(|record| number(record.map_err(|e| e.to_string())?)).collect()
}

/// The numbers are finite, and a mean lies within its interval.
pub(crate) fn numbers(drawing: &Drawing) -> Result<(), String> {
    for n in read(drawing)?.iter().filter(|n| n.kind == "mean") {
        if let (Some(y), Some(low), Some(high)) = (n.y, n.low, n.high) {
            let slack = 1e-9 * (high - low).abs().max(y.abs());
            if y < low - slack || y > high + slack {
                return Err(format!("the mean lies outside of its interval: {n:?}"));
            }
        }
    }
    Ok(())
}

pub(crate) fn texts(drawing: &Drawing) -> Result<Vec<String>, String> {
    let document = Document::parse(&drawing.svg).map_err(|error| error.to_string())?;
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    Ok(texts.map(|node| node.children().filter(Node::is_text).filter_map(|child| child.text()).collect()).collect())
}

fn float(node: &Node<'_, '_>, name: &str) -> Result<f64, String> {
    let text = node.attribute(name).ok_or_else(|| format!("<{}> lacks {name}", node.tag_name().name()))?;
    text.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| format!("{name} is `{text}`"))
}

/// The picture is well-formed, and every shape and text lies within it.
pub(crate) fn picture(drawing: &Drawing) -> Result<(), String> {
    let document = Document::parse(&drawing.svg).map_err(|error| error.to_string())?;
    let root = document.root_element();
    let (width, height) = (float(&root, "width")?, float(&root, "height")?);
    if root.attribute("viewBox")
        != Some(&format!("0 0 {} {}", root.attribute("width").unwrap(), root.attribute("height").unwrap()))
    {
        return Err("the view box is not the page".into());
    }
    let mut boxes: Vec<(String, [f64; 4])> = Vec::new();
    let within = |what: &str, x: f64, y: f64| {
        let slack = 0.6;
        if (-slack..=width + slack).contains(&x) && (-slack..=height + slack).contains(&y) {
            Ok(())
        } else {
            Err(format!("{what} at ({x:.1}, {y:.1}) is not within {width} × {height}"))
        }
    };
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let at = |x: &str, y: &str| -> Result<(f64, f64), String> { Ok((float(&node, x)?, float(&node, y)?)) };
        match name {
            "rect" | "image" => {
                let ((x, y), (w, h)) = (at("x", "y")?, at("width", "height")?);
                within(name, x, y)?;
                within(name, x + w, y + h)?;
            }
            "line" => {
                let ((x1, y1), (x2, y2)) = (at("x1", "y1")?, at("x2", "y2")?);
                within(name, x1, y1)?;
                within(name, x2, y2)?;
            }
            "circle" => {
                let (x, y) = at("cx", "cy")?;
                within(name, x, y)?;
            }
            "path" | "polygon" => {
                let list = node.attribute("d").or(node.attribute("points")).ok_or("a path without points")?;
                let numbers: Vec<f64> = list
                    .split(|c: char| "ML, ".contains(c))
                    .filter(|part| !part.is_empty())
                    .map(|part| part.parse::<f64>().map_err(|_| format!("`{part}` in a path")))
                    .collect::<Result<_, _>>()?;
                for pair in numbers.chunks(2) {
                    within(name, pair[0], *pair.get(1).ok_or("an odd number of coordinates")?)?;
                }
            }
            "text" => {
                let text: String = node.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
                let corners = corners(&node, &text)?;
                for (x, y) in corners {
                    within(&format!("the text `{text}`"), x, y)?;
                }
                if node.attribute("transform").is_none() {
                    let [left, right] = [corners[0].0, corners[1].0];
                    boxes.push((text, [left, right, corners[2].1 + 2., corners[0].1 - 2.]));
                }
            }
            _ => {}
        }
    }
    overlaps(&boxes)
}

/// Corners of a text: the two below, then the two above. Widths are those of Helvetica, which most viewers have or resemble.
fn corners(node: &Node<'_, '_>, text: &str) -> Result<[(f64, f64); 4], String> {
    let (x, y, size) = (float(node, "x")?, float(node, "y")?, float(node, "font-size")?);
    let wide = text.chars().map(|c| {
        if "iljtfr.,:;|'()[] ".contains(c) {
            0.33
        } else if c.is_uppercase() || "mw—…".contains(c) {
            0.75
        } else {
            0.56
        }
    });
    let width = wide.sum::<f64>() * size;
    let from = match node.attribute("text-anchor") {
        None => 0.,
        Some("middle") => -width / 2.,
        _ => -width,
    };
    let turn = node.attribute("transform").and_then(|t| t.strip_prefix("rotate(")).and_then(|t| t.split(' ').next());
    let turn: f64 = turn.map_or(Ok(0.), str::parse).map_err(|_| "a transform that is not a turn")?;
    let (sin, cos) = turn.to_radians().sin_cos();
    let corner = |dx: f64, dy: f64| (x + dx * cos - dy * sin, y + dx * sin + dy * cos);
    let (low, high) = (0.15 * size, -0.72 * size);
    Ok([corner(from, low), corner(from + width, low), corner(from, high), corner(from + width, high)])
}

/// No two texts that are not turned lie over each other.
fn overlaps(boxes: &[(String, [f64; 4])]) -> Result<(), String> {
    for (i, (text, [left, right, top, bottom])) in boxes.iter().enumerate() {
        for (other, [l, r, t, b]) in boxes.iter().skip(i + 1) {
            let (across, down) = (right.min(*r) - left.max(*l), bottom.min(*b) - top.max(*t));
            if across > 1.5 && down > 1.5 {
                return Err(format!(
                    "`{text}` and `{other}` lie over each other by {across:.1} × {down:.1} at ({left:.0}, {top:.0})"
                ));
            }
        }
    }
    Ok(())
}
