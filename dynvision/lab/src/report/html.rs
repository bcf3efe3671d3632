//! The page of a report.

use super::{Exhibit, Grid, Report, ReportError};
use crate::figure::escaped;
use base64::Engine;
use flate2::{Compression, GzBuilder};
use std::fmt::Write as _;
use std::io::Write as _;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("player.js");
/// Numbers of a figure that are larger are compressed.
const PLAIN: usize = 32_768;

/// A section: its name in the address, its heading, its content.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

pub(super) fn page(report: &Report) -> Result<String, ReportError> {
    let mut sections = vec![
        Section { id: "warnings", title: "Warnings", body: warnings(report) },
        Section { id: "findings", title: "Findings", body: report.findings.iter().map(grid).collect() },
        Section { id: "runs", title: "What was run", body: runs(report) },
        Section { id: "model", title: "Model", body: model(report) },
        Section { id: "training", title: "Training", body: exhibits(&report.training)? },
        Section { id: "experiments", title: "Experiments", body: exhibits(&report.experiments)? },
        Section { id: "numbers", title: "Numbers", body: report.numbers.iter().map(grid).collect() },
        Section { id: "configuration", title: "Configuration", body: configuration(report) },
        Section { id: "methods", title: "Methods", body: methods(report) },
    ];
    let others: usize = sections.iter().map(|section| section.body.len()).sum();
    // what a page has beside its sections is much less than this
    let frame = STYLE.len() + SCRIPT.len() + 10_000 + 6 * report.title.len() + 6 * report.summary.len();
    let left = Report::LIMIT.checked_sub(others + frame).ok_or_else(|| large(&sections, others + frame))?;
    let player = player(report, left)?;
    let place = sections.iter().position(|section| section.id == "numbers").unwrap_or(0);
    sections.insert(place, Section { id: "player", title: "Activity", body: player });
    sections.retain(|section| !section.body.is_empty());
    let html = assembled(report, &sections);
    if html.len() >= Report::LIMIT {
        return Err(large(&sections, html.len()));
    }
    Ok(html)
}

fn large(sections: &[Section], bytes: usize) -> ReportError {
    let mut sizes: Vec<(usize, &str)> = sections.iter().map(|section| (section.body.len(), section.id)).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let parts: Vec<String> = sizes.iter().take(3).map(|(bytes, id)| format!("{id} ({bytes} bytes)")).collect();
    ReportError::Large { bytes, limit: Report::LIMIT, parts: parts.join(", ") }
}

fn assembled(report: &Report, sections: &[Section]) -> String {
    let title = escaped(&report.title);
    let links: String = sections.iter().map(|s| format!("<a href=\"#{}\">{}</a>", s.id, s.title)).collect();
    let body: String = sections
        .iter()
        .map(|s| format!("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.body))
        .collect();
    let summary =
        if report.summary.is_empty() { String::new() } else { format!("<p>{}</p>\n", escaped(&report.summary)) };
    let policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{summary}<nav>{links}</nav>\n\
         {body}<footer class=\"pale\"><p>Made by dynvision-lab {}.</p></footer>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn warnings(report: &Report) -> String {
    if report.warnings.is_empty() {
        return String::new();
    }
    let items: String = report.warnings.iter().map(|warning| format!("<li>{}</li>\n", escaped(warning))).collect();
    format!("<ul class=\"warnings\">\n{items}</ul>\n")
}

fn runs(report: &Report) -> String {
    let run = |run: &super::Run| {
        let facts: String = run
            .facts
            .iter()
            .map(|(name, value)| format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value)))
            .collect();
        let open = if report.runs.len() == 1 { " open" } else { "" };
        format!(
            "<details{open}><summary><code>{}</code></summary>\n<div class=\"scroll\"><table>\n{facts}</table></div></details>\n",
            escaped(&run.name)
        )
    };
    report.runs.iter().map(run).collect()
}

fn model(report: &Report) -> String {
    let wiring = report.wiring.as_ref().map(|svg| {
        format!(
            "<figure><div class=\"scroll\"><img alt=\"Wiring of the model\" src=\"{}\"></div></figure>\n",
            picture(svg)
        )
    });
    wiring.into_iter().chain(report.model.iter().map(grid)).collect()
}

fn grid(grid: &Grid) -> String {
    let mut html = String::new();
    if !grid.title.is_empty() {
        let _ = writeln!(html, "<h3>{}</h3>", escaped(&grid.title));
    }
    // a column of numbers is aligned at the right
    let numbers = |column: usize| {
        let mut cells = grid.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| is_number(cell))
    };
    let columns = grid.rows.iter().map(Vec::len).max().unwrap_or(0).max(grid.head.len());
    let classes: Vec<&str> =
        (0..columns).map(|column| if numbers(column) { " class=\"number\"" } else { "" }).collect();
    let cells = |row: &[String], element: &str| -> String {
        let cell = |(text, class): (&String, &&str)| format!("<{element}{class}>{}</{element}>", escaped(text));
        row.iter().zip(&classes).map(cell).collect()
    };
    let head = cells(&grid.head, "th");
    let _ = writeln!(html, "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>");
    for row in &grid.rows {
        let _ = writeln!(html, "<tr>{}</tr>", cells(row, "td"));
    }
    html += "</tbody></table></div>\n";
    if !grid.note.is_empty() {
        let _ = writeln!(html, "<p class=\"pale\">{}</p>", escaped(&grid.note));
    }
    html
}

/// Whether a cell begins as a number does, with a unit or an interval perhaps; a product, as shapes are, is none.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '−', '+']);
    digits.starts_with(|c: char| c.is_ascii_digit()) && text.len() < 40 && !text.contains('×')
}

fn configuration(report: &Report) -> String {
    if report.configuration.is_empty() {
        return String::new();
    }
    let row = |setting: &super::Setting| {
        let [key, value, source] = [&setting.key, &setting.value, &setting.source].map(|text| escaped(text));
        format!("<tr><td><code>{key}</code></td><td><code>{value}</code></td><td class=\"pale\">{source}</td></tr>\n")
    };
    let rows: String = report.configuration.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th>setting</th><th>value</th><th>from</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn methods(report: &Report) -> String {
    let Some(text) = report.methods.as_ref().map(super::Methods::paragraph).filter(|text| !text.is_empty()) else {
        return String::new();
    };
    format!(
        "<blockquote id=\"methods-text\">{}</blockquote>\n<p><button id=\"copy-methods\" type=\"button\">Copy</button></p>\n",
        escaped(&text)
    )
}

fn exhibits(exhibits: &[Exhibit]) -> Result<String, ReportError> {
    let mut html = String::new();
    for exhibit in exhibits {
        let (title, caption) = (escaped(&exhibit.title), escaped(&exhibit.caption));
        let link = download(&exhibit.name, &exhibit.drawing.csv)?;
        let _ = write!(
            html,
            "<figure class=\"wide\">\n<h3>{title}</h3>\n<div class=\"scroll\" tabindex=\"0\"><img alt=\"{title}\" src=\"{}\"></div>\n\
             <figcaption>{caption} {link}</figcaption>\n</figure>\n",
            picture(&exhibit.drawing.svg)
        );
    }
    Ok(html)
}

/// A picture as an address, in which scripts are not run.
fn picture(svg: &str) -> String {
    format!("data:image/svg+xml,{}", percent(svg))
}

/// A link to the numbers, compressed where they are many.
fn download(name: &str, csv: &str) -> Result<String, ReportError> {
    let file: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let file = escaped(&file);
    if csv.len() <= PLAIN {
        let address = format!("data:text/csv;charset=utf-8,{}", percent(csv));
        return Ok(format!(
            "<a class=\"download\" download=\"{file}.csv\" href=\"{address}\">Numbers (CSV, {})</a>",
            size(csv.len())
        ));
    }
    // without a time, so that the same numbers give the same bytes
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(csv.as_bytes())?;
    let bytes = gzip.finish()?;
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    Ok(format!(
        "<a class=\"download\" download=\"{file}.csv.gz\" href=\"data:application/gzip;base64,{text}\">Numbers (CSV, gzip, {})</a>",
        size(bytes.len())
    ))
}

fn size(bytes: usize) -> String {
    if bytes < 1000 { format!("{bytes} bytes") } else { format!("{} kB", bytes.div_ceil(1000)) }
}

/// Text as part of an address in an attribute: what has a meaning in either is written as its bytes.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '%' | '#' | '"' | '\'' | '<' | '>' | '&' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c if c.is_ascii_control() => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c if c.is_ascii() => out.push(c),
            c => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
    }
    out
}

fn player(report: &Report, budget: usize) -> Result<String, ReportError> {
    let Some(player) = report.player.as_ref().filter(|player| !player.examples.is_empty()) else {
        return Ok(String::new());
    };
    // pictures, logits and names take some of it
    let beside = |example: &super::Example| example.picture.pixels.len() * 2 + example.logits.len() * 12 + 200;
    let beside: usize = player.examples.iter().map(beside).sum::<usize>() + 4_000;
    let embedded = player.embedded(budget.saturating_sub(beside))?;
    let data = serde_json::to_string(&embedded)?;
    // in a script element only this sign could end it
    let data = data.replace('<', "\\u003c");
    let notes: String = embedded.notes.iter().map(|note| format!(" {}", escaped(note))).collect();
    Ok(format!(
        "<div class=\"controls\">\n\
         <label>Image <select id=\"player-image\"></select></label>\n\
         <label>Area <select id=\"player-area\"></select></label>\n\
         <label>Channel <select id=\"player-channel\"></select></label>\n\
         <button id=\"player-play\" type=\"button\">Play</button>\n\
         <label class=\"time\">Time <input id=\"player-time\" type=\"range\" min=\"0\" max=\"0\" value=\"0\"></label>\n</div>\n\
         <div class=\"stage\">\n\
         <div><h3>Image</h3><canvas id=\"player-picture\"></canvas></div>\n\
         <div><h3>Activity, <span id=\"player-when\"></span></h3><canvas id=\"player-map\"></canvas>\
         <p class=\"scale\"><span id=\"player-low\"></span><i></i><span id=\"player-high\"></span></p></div>\n\
         <div class=\"logits\"><h3>Logits</h3><div id=\"player-logits\"></div></div>\n</div>\n\
         <p class=\"pale\">Colours span all images, channels and times of an area; grey is missing.{notes}</p>\n\
         <script type=\"application/json\" id=\"player-data\">{data}</script>\n"
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn text_in_an_address_is_its_bytes() {
        assert_eq!(percent("a b\n<τ>#\"%"), "a b%0A%3C%CF%84%3E%23%22%25");
    }

    #[test]
    fn compressed_numbers_are_the_numbers() {
        use std::io::Read;
        let csv = "x,y\n1,2\n".repeat(9000);
        let link = download("a/b", &csv).unwrap();
        assert!(link.contains("download=\"a-b.csv.gz\"") && link.len() < csv.len() / 20);
        let text = link.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let mut read = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut read).unwrap();
        assert_eq!(read, csv);
        assert!(download("a", "x\n").unwrap().contains("data:text/csv;charset=utf-8,x%0A"));
    }

    #[test]
    fn numbers_are_told_from_text() {
        assert!(["1", "−2.5", "0.9 [0.8, 1.0]", "12 ms"].iter().all(|text| is_number(text)));
        assert!(!["", "v1", "- none", "−", "16 × 7 × 7"].iter().any(|text| is_number(text)));
    }
}
