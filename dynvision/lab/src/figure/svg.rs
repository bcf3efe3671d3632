//! Writing SVG: shapes and text with rounded numbers, everything escaped.

use std::fmt::Write;

/// Font of all text; the widths that [`width`] knows are those of the widest of these.
const FONT: &str = "Helvetica, Arial, 'DejaVu Sans', sans-serif";

/// A picture that grows.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
    clips: usize,
}

/// Where text is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type<'a> {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
    pub(super) colour: &'a str,
    /// Degrees, clockwise, about the place of the text.
    pub(super) turn: f64,
}

impl Default for Type<'_> {
    fn default() -> Self {
        Type { size: 11., anchor: Anchor::Start, bold: false, colour: "#222222", turn: 0. }
    }
}

/// A number as SVG has it, to hundredths of a pixel.
pub(super) fn number(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// A place along a path, to tenths of a pixel: a 40th of a millimetre in print.
fn place(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// Text as XML has it: what has a meaning there is escaped, and what may not stand there is replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Svg {
    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str, opacity: f64) {
        let [x, y, width, height, opacity] = [x, y, width.max(0.), height.max(0.), opacity].map(number);
        let opacity = if opacity == "1" { String::new() } else { format!(" fill-opacity=\"{opacity}\"") };
        let _ = writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"{opacity}/>"
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64, dash: &str) {
        let [x1, y1, x2, y2, width] = [from.0, from.1, to.0, to.1, width].map(number);
        let dash = dashed(dash);
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{stroke}\" stroke-width=\"{width}\"{dash}/>"
        );
    }

    /// A line through points, which each `None` interrupts. A point without a neighbour is a dot. `about` is shown by a pointer.
    pub(super) fn path(&mut self, points: &[Option<(f64, f64)>], look: Stroke<'_>) {
        let mut d = String::new();
        for run in points.split(Option::is_none) {
            let run = run.iter().flatten();
            if let (1, Some(&(x, y))) = (run.clone().count(), run.clone().next()) {
                self.dot((x, y), look.width.max(1.2), look.colour, look.opacity);
                continue;
            }
            let mut command = 'M';
            for &(x, y) in run {
                let _ = write!(d, "{command}{} {}", place(x), place(y));
                command = 'L';
            }
        }
        if d.is_empty() {
            return;
        }
        let Stroke { colour, width, opacity, dash, about } = look;
        let opacity = if opacity == 1. { String::new() } else { format!(" stroke-opacity=\"{}\"", number(opacity)) };
        let about = if about.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(about)) };
        let _ = writeln!(
            self.body,
            "<path d=\"{d}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{opacity}{}>{about}</path>",
            number(width),
            dashed(dash)
        );
    }

    pub(super) fn polygon(&mut self, points: &[(f64, f64)], fill: &str, opacity: f64, clip: Option<usize>) {
        let list: Vec<String> = points.iter().map(|&(x, y)| format!("{},{}", place(x), place(y))).collect();
        let clip = clip.map_or(String::new(), |clip| format!(" clip-path=\"url(#clip{clip})\""));
        let (list, opacity) = (list.join(" "), number(opacity));
        let _ = writeln!(self.body, "<polygon points=\"{list}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"{clip}/>");
    }

    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, fill: &str, opacity: f64) {
        let [x, y, radius, opacity] = [at.0, at.1, radius, opacity].map(number);
        let opacity = if opacity == "1" { String::new() } else { format!(" fill-opacity=\"{opacity}\"") };
        let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{fill}\"{opacity}/>");
    }

    /// Text that is cut to a width, and whole for a pointer.
    pub(super) fn text(&mut self, at: (f64, f64), text: &str, most: f64, look: Type<'_>) {
        let shown = cut(text, most, look.size, look.bold);
        if shown.is_empty() {
            return;
        }
        let whole = if shown == text { String::new() } else { format!("<title>{}</title>", escaped(text)) };
        let anchor = match look.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let bold = if look.bold { " font-weight=\"bold\"" } else { "" };
        let [x, y, size] = [at.0, at.1, look.size].map(number);
        let turn = if look.turn == 0. {
            String::new()
        } else {
            format!(" transform=\"rotate({} {x} {y})\"", number(look.turn))
        };
        let (colour, shown) = (look.colour, escaped(&shown));
        let _ = writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{colour}\"{anchor}{bold}{turn}>{shown}{whole}</text>"
        );
    }

    /// A picture of pixels with hard edges.
    pub(super) fn image(&mut self, x: f64, y: f64, width: f64, height: f64, address: &str) {
        let [x, y, width, height] = [x, y, width, height].map(number);
        let _ = writeln!(
            self.body,
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"{address}\"/>"
        );
    }

    /// A region that shapes can be cut to.
    pub(super) fn clip(&mut self, x: f64, y: f64, width: f64, height: f64) -> usize {
        self.clips += 1;
        let [x, y, width, height] = [x, y, width, height].map(number);
        let _ = writeln!(
            self.body,
            "<clipPath id=\"clip{}\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/></clipPath>",
            self.clips
        );
        self.clips
    }

    /// The whole picture. Names of clipping regions get a prefix made from the content, so that several pictures can stand in one page.
    pub(super) fn finish(self, width: f64, height: f64, title: &str) -> String {
        let mark = format!("clip{:08x}-", fnv(&self.body));
        let body =
            self.body.replace("url(#clip", &format!("url(#{mark}")).replace("id=\"clip", &format!("id=\"{mark}"));
        let [width, height] = [width, height].map(number);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"{FONT}\" role=\"img\">\n<title>{}</title>\n\
             <rect x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            escaped(title)
        )
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke<'a> {
    pub(super) colour: &'a str,
    pub(super) width: f64,
    pub(super) opacity: f64,
    pub(super) dash: &'a str,
    pub(super) about: &'a str,
}

fn dashed(dash: &str) -> String {
    if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") }
}

/// The hash FNV-1a (Fowler, Noll and Vo), of 32 bits.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Widths of the characters from space to tilde in DejaVu Sans, in thousandths of the size. Helvetica and Arial are narrower.
const WIDTHS: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
    748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
];

/// Width of text in pixels, as wide as it gets.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let of = |c: char| match (c as usize).checked_sub(32).and_then(|i| WIDTHS.get(i)) {
        Some(&width) => f64::from(width),
        None if (c as u32) < 0x2000 => 700.,
        None => 1000.,
    };
    text.chars().map(of).sum::<f64>() / 1000. * size * if bold { 1.12 } else { 1. }
}

/// Text that is no wider than it may be, its end replaced by an ellipsis where it would be.
pub(super) fn cut(text: &str, most: f64, size: f64, bold: bool) -> String {
    if width(text, size, bold) <= most {
        return text.into();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shown: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&shown, size, bold) <= most {
            return shown;
        }
    }
    String::new()
}

/// Text in lines that are no wider than they may be; a word that alone is too wide is cut when it is drawn.
pub(super) fn wrapped(text: &str, most: f64, size: f64, bold: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // a space that does not break holds words together
    for word in text.split([' ', '\n', '\t']).filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, bold) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, -0.001, 2.345, 10.5, 100.].map(number), ["1", "0", "2.35", "10.5", "100"].map(String::from));
    }

    #[test]
    fn text_is_cut_and_wrapped() {
        let text = "a long name of a category";
        let shown = cut(text, 60., 11., false);
        assert!(
            shown.ends_with('…') && width(&shown, 11., false) <= 60. && text.starts_with(shown.trim_end_matches('…'))
        );
        assert_eq!(cut(text, 500., 11., false), text);
        assert_eq!(cut(text, 3., 11., false), "");
        let lines = wrapped(text, 80., 11., false);
        assert_eq!(lines.join(" "), text);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 11., false) <= 80.));
        assert!(wrapped("  ", 80., 11., false).is_empty());
    }

    #[test]
    fn what_xml_does_not_know_is_replaced() {
        assert_eq!(escaped("a<b & \"c\"\u{0}\n'"), "a&lt;b &amp; &quot;c&quot;\u{fffd} &#39;");
    }

    #[test]
    fn lines_are_interrupted() {
        let mut svg = Svg::default();
        let look = Stroke { colour: "#000000", width: 1., opacity: 1., dash: "", about: "" };
        svg.path(
            &[Some((0., 0.)), Some((1., 1.)), None, Some((3., 3.)), None, None, Some((6., 6.)), Some((7., 7.))],
            look,
        );
        assert!(svg.body.contains("d=\"M0 0L1 1M6 6L7 7\""), "{}", svg.body);
        assert_eq!(svg.body.matches("<circle cx=\"3\"").count(), 1);
    }
}
