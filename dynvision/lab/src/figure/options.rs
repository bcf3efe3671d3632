use super::palette::Palette;
use super::{FigureError, Table};

/// Steps over which accuracy is averaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Over {
    /// The last quarter of what is shown first, where it has settled.
    #[default]
    Settled,
    /// All from the onset on: for pictures that are shown briefly and are answered later, as under masks.
    SinceOnset,
}

/// How figures are drawn.
///
/// ```
/// use dynvision_lab::figure::{Options, Palette};
///
/// let options = Options { palette: Palette::Original, caption: "CordsNet, mnist5k, 3 runs".into(), ..Options::default() };
/// assert_eq!((options.width, options.level), (720., 0.95));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Title in place of the figure's own.
    pub title: Option<String>,
    /// Line below the figure: model, data set, runs.
    pub caption: String,
    /// Colours of categories.
    pub palette: Palette,
    /// Width in pixels, of which 720 are about 180 mm in print; at least 480.
    pub width: f64,
    /// Confidence level of intervals, between 0 and 1.
    pub level: f64,
    /// Whether areas share one scale, in place of one for each.
    pub common_scale: bool,
    /// Accuracy by guessing, drawn as a dashed line; none draws none.
    pub chance: Option<f64>,
    /// Over which steps [`performance`](super::Performance) takes the mean accuracy of a condition.
    pub accuracy_over: Over,
    /// What the swept parameter is called, with its unit, such as `contrast` or `gap (ms)`.
    pub parameter: String,
    /// The category that others are compared with; none takes the last.
    pub default_category: Option<String>,
    /// The areas from the first to the last, as signals pass them; those that are not listed follow in the table's order.
    pub areas: Vec<String>,
    /// Time constant of the model in ms, in multiples of which [`dynamics`](super::Dynamics) has a second axis; none for none.
    pub tau_ms: Option<f64>,
    /// The area that [`dynamics`](super::Dynamics) shows; none takes the first.
    pub area: Option<String>,
    /// Whether the human reference data are drawn where there are any.
    pub reference: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            title: None,
            caption: String::new(),
            palette: Palette::OkabeIto,
            width: 720.,
            level: 0.95,
            common_scale: false,
            chance: None,
            accuracy_over: Over::Settled,
            parameter: "condition".into(),
            default_category: None,
            areas: Vec::new(),
            tau_ms: None,
            area: None,
            reference: true,
        }
    }
}

impl Options {
    /// The areas of a table from the first to the last.
    pub(super) fn ordered_areas(&self, table: &Table) -> Vec<String> {
        let mut areas = table.levels("area");
        areas.sort_by_key(|area| self.areas.iter().position(|known| known == area).unwrap_or(usize::MAX));
        areas
    }

    /// Checks what the numbers must be.
    pub(super) fn check(&self) -> Result<(), FigureError> {
        let wrong = |name, found: f64, needed| Err(FigureError::Option { name, found: found.to_string(), needed });
        if !(480. ..=10_000.).contains(&self.width) {
            return wrong("width", self.width, "between 480 and 10000 pixels");
        }
        if !(self.level > 0. && self.level < 1.) {
            return wrong("level", self.level, "between 0 and 1");
        }
        if let Some(tau) = self.tau_ms.filter(|tau| !(tau.is_finite() && *tau > 0.)) {
            return wrong("tau_ms", tau, "a positive number of ms");
        }
        match self.chance.filter(|chance| !(0. ..=1.).contains(chance)) {
            Some(chance) => wrong("chance", chance, "between 0 and 1"),
            None => Ok(()),
        }
    }
}
