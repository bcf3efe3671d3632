use serde::{Deserialize, Serialize};

/// Colours of categories.
///
/// ```
/// use dynvision_lab::figure::Palette;
///
/// let inks = Palette::OkabeIto.inks(&["full".into(), "self".into()]);
/// assert_eq!((inks[0].colour.as_str(), inks[1].colour.as_str()), ("#0072b2", "#d55e00"));
/// assert_eq!(Palette::Original.inks(&["full".into()])[0].colour, "#b8860b");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Palette {
    /// The colours of Okabe and Ito (2008), which people of every colour vision tell apart; without the yellow, which paper hides.
    #[default]
    OkabeIto,
    /// The colours that the original toolbox gives the categories it knows; others are as in `OkabeIto`.
    Original,
}

/// How a line looks.
///
/// ```
/// use dynvision_lab::figure::Ink;
///
/// assert_eq!(Ink::new("#0072b2").dashed().dash, "5 3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ink {
    /// As `#rrggbb`.
    pub colour: String,
    /// SVG's `stroke-dasharray`; empty for a solid line.
    pub dash: &'static str,
}

const OKABE_ITO: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const DASHES: [&str; 4] = ["", "5 3", "1.5 2.5", "7 2.5 1.5 2.5"];
const ORIGINAL: [(&str, &str); 15] = [
    ("full", "#b8860b"),
    ("self", "#2e8b57"),
    ("depthpointwise", "#1e3a8a"),
    ("pointdepthwise", "#3b82f6"),
    ("local", "#e91e63"),
    ("localdepthwise", "#ff6347"),
    ("none", "#808080"),
    ("input", "#6baa75"),
    ("middle", "#e9c46a"),
    ("output", "#c0533a"),
    ("feedforward", "#d4a373"),
    ("recurrence", "#9b59b6"),
    ("dyrcnnx8", "#c0c0c0"),
    ("cordsnet", "#9b59b6"),
    ("cornetrt", "#c88b4a"),
];
/// Viridis at equal distances.
const VIRIDIS: [[f64; 3]; 10] = [
    [68., 1., 84.],
    [72., 40., 120.],
    [62., 73., 137.],
    [49., 104., 142.],
    [38., 130., 142.],
    [31., 158., 137.],
    [53., 183., 121.],
    [109., 205., 89.],
    [180., 222., 44.],
    [253., 231., 37.],
];

impl Ink {
    /// A solid line of a colour.
    pub fn new(colour: impl Into<String>) -> Self {
        Ink { colour: colour.into(), dash: "" }
    }

    /// Dashes the line, and leaves its colour.
    pub fn dashed(mut self) -> Self {
        self.dash = DASHES[1];
        self
    }

    /// Dots the line, and leaves its colour.
    pub fn dotted(mut self) -> Self {
        self.dash = DASHES[2];
        self
    }

    /// Grey, for what belongs to no category.
    pub fn grey() -> Self {
        Ink::new("#767676")
    }

    /// The colour for text on white: the line's, darkened where it has not the contrast of 4.5 that WCAG 2.1 asks of text.
    pub(super) fn of_text(&self) -> String {
        let Some(line) = rgb(&self.colour) else { return self.colour.clone() };
        let darker = (0..20).map(|i| line.map(|x| (x * (1. - 0.05 * f64::from(i))).round()));
        darker.into_iter().find(|rgb| contrast_to_white(*rgb) >= 4.5).map_or("#000000".into(), hex)
    }
}

/// The ratio of luminances of WCAG 2.1, `1.05/(L + 0.05)`.
fn contrast_to_white(rgb: [f64; 3]) -> f64 {
    let linear = |x: f64| if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) };
    let [r, g, b] = rgb.map(|x| linear(x / 255.));
    1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)
}

impl Palette {
    /// Returns an ink for each name. Where all names are numbers, and there are more than two, colours are in their order, from
    /// viridis; else they are the palette's, dashed differently each time the colours are used up.
    pub fn inks(self, names: &[String]) -> Vec<Ink> {
        let numbers = names.len() > 2 && names.iter().all(|name| name.parse::<f64>().is_ok());
        let many = names.len() > OKABE_ITO.len() * DASHES.len();
        let own = |(i, name): (usize, &String)| {
            let known = ORIGINAL.iter().find(|(known, _)| self == Palette::Original && name.to_lowercase() == *known);
            if let Some((_, colour)) = known {
                return Ink::new(*colour);
            }
            if numbers || many {
                // without the pale end, which paper hides
                return Ink::new(viridis(0.88 * i as f64 / (names.len() - 1).max(1) as f64));
            }
            let colour = OKABE_ITO.get(i % OKABE_ITO.len()).copied().unwrap_or("#000000");
            Ink { colour: colour.into(), dash: DASHES.get(i / OKABE_ITO.len()).copied().unwrap_or("") }
        };
        names.iter().enumerate().map(own).collect()
    }
}

/// The colour map viridis, from 0 (dark) to 1 (pale), as `#rrggbb`.
pub(super) fn viridis(share: f64) -> String {
    hex(viridis_rgb(share))
}

pub(super) fn viridis_rgb(share: f64) -> [f64; 3] {
    let place = share.clamp(0., 1.) * (VIRIDIS.len() - 1) as f64;
    let at = |i: usize| VIRIDIS.get(i.min(VIRIDIS.len() - 1)).copied().unwrap_or_default();
    let (low, high) = (at(place.floor() as usize), at(place.floor() as usize + 1));
    let mut mixed = [0.; 3];
    for ((m, l), h) in mixed.iter_mut().zip(low).zip(high) {
        *m = l + (h - l) * place.fract();
    }
    mixed
}

fn hex(rgb: [f64; 3]) -> String {
    let [r, g, b] = rgb.map(|x| x.round().clamp(0., 255.) as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn rgb(colour: &str) -> Option<[f64; 3]> {
    let part = |from: usize| u8::from_str_radix(colour.get(from..from + 2)?, 16).ok().map(f64::from);
    Some([part(1)?, part(3)?, part(5)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize, of: impl Fn(usize) -> String) -> Vec<String> {
        (0..n).map(of).collect()
    }

    #[test]
    fn inks_differ() {
        for n in [1, 7, 8, 28, 200] {
            for of in [|i| format!("name {i}"), |i: usize| i.to_string()] {
                let inks = Palette::OkabeIto.inks(&names(n, of));
                let distinct: std::collections::BTreeSet<_> = inks.iter().map(|ink| (&ink.colour, ink.dash)).collect();
                // of 200 neighbours on a map some round to the same colour
                assert!(inks.len() == n && distinct.len() >= n.min(100), "{n}: {}", distinct.len());
            }
        }
    }

    #[test]
    fn text_is_dark_enough_on_white() {
        // 3.9:1 and 4.5:1 of the greys that are known for it
        assert!(contrast_to_white([128.; 3]) < 4.5 && contrast_to_white([118.; 3]) > 4.5);
        assert!((contrast_to_white([0.; 3]) - 21.).abs() < 1e-9 && (contrast_to_white([255.; 3]) - 1.).abs() < 1e-9);
        for colour in OKABE_ITO.iter().chain(ORIGINAL.iter().map(|(_, colour)| colour)) {
            let dark = rgb(&Ink::new(*colour).of_text()).unwrap_or([255.; 3]);
            assert!(contrast_to_white(dark) >= 4.5, "{colour}");
        }
        // what is dark enough stays
        assert_eq!(Ink::new("#0072b2").of_text(), "#0072b2");
    }
}
