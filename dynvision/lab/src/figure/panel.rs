use super::{Ink, Scale, Series, Shown};

/// An axis of a [`Panel`].
///
/// ```
/// use dynvision_lab::figure::{Axis, Scale};
///
/// let axis = Axis { scale: Scale::Log, ..Axis::new("duration (ms)") };
/// assert!(axis.ticks.is_empty() && axis.include.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// What is measured, with its unit.
    pub label: String,
    /// How numbers are laid out.
    pub scale: Scale,
    /// Numbers that the axis contains, whatever is drawn.
    pub include: Vec<f64>,
    /// Ticks in place of round numbers, as for categories.
    pub ticks: Vec<(f64, String)>,
    /// A second labelling of the same axis: what it measures, and its ticks. Of a horizontal axis only.
    pub second: Option<(String, Vec<(f64, String)>)>,
}

impl Axis {
    /// A linear axis.
    pub fn new(label: impl Into<String>) -> Self {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// An axis that contains some numbers, whatever is drawn.
    pub fn including(mut self, numbers: &[f64]) -> Self {
        self.include.extend(numbers);
        self
    }

    /// An axis of categories at 0, 1, 2 and so on.
    pub fn categories(label: impl Into<String>, names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        Axis { ticks, include: vec![-0.5, names.len() as f64 - 0.5], ..Axis::new(label) }
    }
}

/// How a [`Line`] shows its interval over seeds.
///
/// ```
/// use dynvision_lab::figure::Spread;
///
/// assert_eq!(Spread::default(), Spread::Band);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// A pale band.
    #[default]
    Band,
    /// A bar at each x.
    Bars,
    /// Not at all.
    None,
}

/// A series as it is drawn: the mean over seeds, a thin line for each seed, and the interval over seeds. A missing value is a gap.
///
/// ```
/// use dynvision_lab::figure::{Ink, Line, Series};
///
/// let line = Line::new("full", Ink::new("#0072b2"), Series::curve([(0., Some(1.)), (1., None)]));
/// assert!(line.joined && !line.dots && !line.known);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What the line is called in the CSV, and where it is labelled.
    pub name: String,
    /// Colour and dashes.
    pub ink: Ink,
    /// The numbers.
    pub series: Series,
    /// How the interval is shown.
    pub spread: Spread,
    /// Whether means are joined.
    pub joined: bool,
    /// Whether means have dots.
    pub dots: bool,
    /// Whether each seed has a thin line, or small dots where means are not joined.
    pub each_seed: bool,
    /// What stands at its end; empty for nothing.
    pub label: String,
    /// Whether it is a curve that is known, not a mean over seeds: a fit, a reference.
    pub known: bool,
}

impl Line {
    /// A joined line with a band and each seed.
    pub fn new(name: impl Into<String>, ink: Ink, series: Series) -> Self {
        Line {
            name: name.into(),
            ink,
            series,
            spread: Spread::Band,
            joined: true,
            dots: false,
            each_seed: true,
            label: String::new(),
            known: false,
        }
    }

    /// A curve that is known.
    pub fn known(name: impl Into<String>, ink: Ink, series: Series) -> Self {
        Line { known: true, each_seed: false, ..Line::new(name, ink, series) }
    }

    /// The line with its name at its end, or with nothing.
    pub fn labelled(self, labelled: bool) -> Self {
        Line { label: if labelled { self.name.clone() } else { String::new() }, ..self }
    }

    /// The line with a dot and a bar at each mean.
    pub fn dotted(self) -> Self {
        Line { dots: true, spread: Spread::Bars, ..self }
    }
}

/// A straight line across a panel: a chance level, an onset.
///
/// ```
/// use dynvision_lab::figure::{Ink, Rule};
///
/// let rule = Rule::horizontal(0.1, "chance", Ink::grey().dashed());
/// assert!(!rule.vertical && rule.at == 0.1);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where it crosses its axis.
    pub at: f64,
    /// Whether it is vertical, at an x.
    pub vertical: bool,
    /// What it marks.
    pub label: String,
    /// Colour and dashes.
    pub ink: Ink,
}

impl Rule {
    /// A line at a y.
    pub fn horizontal(at: f64, label: impl Into<String>, ink: Ink) -> Self {
        Rule { at, vertical: false, label: label.into(), ink }
    }

    /// A line at an x.
    pub fn vertical(at: f64, label: impl Into<String>, ink: Ink) -> Self {
        Rule { at, vertical: true, label: label.into(), ink }
    }
}

/// A small vertical tick on a line, such as a latency.
///
/// ```
/// use dynvision_lab::figure::{Ink, Mark};
///
/// let mark = Mark { x: 12., y: 0.5, name: "half maximum".into(), ink: Ink::new("#0072b2") };
/// assert_eq!(mark.x, 12.);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where along x.
    pub x: f64,
    /// Where along y.
    pub y: f64,
    /// What it marks.
    pub name: String,
    /// Its colour.
    pub ink: Ink,
}

/// Numbers in rows and columns, as colours.
///
/// ```
/// use dynvision_lab::figure::Matrix;
///
/// let matrix = Matrix { rows: vec!["cat".into()], columns: vec!["cat".into(), "dog".into()], values: vec![Some(0.9), None], ..Matrix::default() };
/// assert_eq!(matrix.values.len(), matrix.rows.len() * matrix.columns.len());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Labels of the rows, from above.
    pub rows: Vec<String>,
    /// Labels of the columns.
    pub columns: Vec<String>,
    /// Row-major; what is missing is grey.
    pub values: Vec<Option<f64>>,
    /// The numbers of the darkest and of the palest colour.
    pub range: (f64, f64),
    /// What the colours measure.
    pub label: String,
}

/// A distribution, as wide as it is dense.
#[derive(Debug, Clone, PartialEq)]
pub struct Violin {
    /// What it is called in the CSV.
    pub name: String,
    /// Where along x.
    pub at: f64,
    /// Half its width along x, where it is densest.
    pub half: f64,
    /// Its colour.
    pub ink: Ink,
    /// What is distributed.
    pub distribution: super::Distribution,
}

/// One pair of axes with what is drawn in them.
///
/// ```
/// use dynvision_lab::figure::{Axis, Ink, Line, Options, Page, Panel, Row, Series};
///
/// let line = Line::new("full", Ink::new("#0072b2"), Series::curve([(0., Some(1.)), (2., Some(3.))]));
/// let panel = Panel { x: Axis::new("time (ms)"), y: Axis::new("response"), lines: vec![line], ..Panel::new("v1") };
/// let drawing = Page::new("One line", vec![Row::new(120., vec![panel])]).draw(&Options::default())?;
/// assert!(drawing.svg.contains("time (ms)") && drawing.csv.contains("v1,full,mean"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panel {
    /// What it is called in the CSV.
    pub name: String,
    /// Text above it.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Lines, of which later ones are drawn above.
    pub lines: Vec<Line>,
    /// Lines across.
    pub rules: Vec<Rule>,
    /// Small ticks.
    pub marks: Vec<Mark>,
    /// Distributions.
    pub violins: Vec<Violin>,
    /// Numbers as colours; the panel is then square where there are as many rows as columns.
    pub matrix: Option<Matrix>,
    /// When the stimulus is shown, as bands along x.
    pub shown: Vec<Shown>,
    /// Lines of text below.
    pub notes: Vec<String>,
}

impl Panel {
    /// An empty panel.
    pub fn new(name: impl Into<String>) -> Self {
        Panel { name: name.into(), ..Panel::default() }
    }
}

/// Panels side by side.
///
/// ```
/// use dynvision_lab::figure::{Panel, Row};
///
/// let row = Row { shared_y: true, ..Row::new(100., vec![Panel::new("left"), Panel::new("right")]) };
/// assert_eq!(row.panels.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Letter in front, such as `A`; empty for none.
    pub letter: String,
    /// Height of the panels, in pixels.
    pub height: f64,
    /// The panels, which are equally wide.
    pub panels: Vec<Panel>,
    /// Whether the panels share the range of y.
    pub shared_y: bool,
}

impl Row {
    /// A row of panels with axes of their own.
    pub fn new(height: f64, panels: Vec<Panel>) -> Self {
        Row { height, panels, ..Row::default() }
    }
}

/// A whole figure, from which its picture and its table are made.
///
/// [`Panel`] has an example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Title.
    pub title: String,
    /// Rows from above.
    pub rows: Vec<Row>,
    /// Names with their inks.
    pub legend: Vec<(String, Ink)>,
    /// Lines of text at the foot.
    pub notes: Vec<String>,
    /// Whether all rows have the same columns with the same x: it is labelled once, and bands run through.
    pub joined: bool,
}

impl Page {
    /// A page of rows with axes of their own.
    pub fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        Page { title: title.into(), rows, ..Page::default() }
    }
}
