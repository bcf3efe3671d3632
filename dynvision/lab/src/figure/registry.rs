use super::error::{did_you_mean, listed};
use super::{Drawing, FigureError, Options, Table};
use std::sync::Arc;

/// A kind of figure: what it is called, what it reads, and how it is drawn from a table. This is the trait that a user's own
/// figure implements; [`Page`](super::Page) draws panels with axes for it, and any other SVG will do as well.
///
/// ```
/// use dynvision_lab::figure::{Axis, Drawing, Figure, FigureError, Ink, Line, Options, Page, Panel, Registry, Row, Table};
///
/// struct Energy;
///
/// impl Figure for Energy {
///     fn name(&self) -> &str {
///         "energy"
///     }
///     fn about(&self) -> &str {
///         "energy over time"
///     }
///     fn columns(&self) -> &[(&str, &str)] {
///         &[("time_ms", "time in ms"), ("value", "energy")]
///     }
///     fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
///         let series = table.series("time_ms", &[])?;
///         let lines = series.into_iter().map(|series| Line::new("energy", Ink::grey(), series)).collect();
///         let panel = Panel { x: Axis::new("time (ms)"), y: Axis::new("energy"), lines, ..Panel::new("energy") };
///         Page::new("Energy", vec![Row::new(160., vec![panel])]).draw(options)
///     }
/// }
///
/// let mut figures = Registry::built_in();
/// figures.add(Energy)?;
/// let table = Table::read_csv("time_ms,value\n0,3\n2,4\n".as_bytes())?;
/// assert!(figures.get("energy")?.draw(&table, &Options::default())?.svg.contains("Energy"));
/// # Ok::<(), FigureError>(())
/// ```
pub trait Figure: Send + Sync {
    /// What experiments call it.
    fn name(&self) -> &str;
    /// What it shows, in a few words.
    fn about(&self) -> &str;
    /// The columns that it needs, each with its meaning and unit.
    fn columns(&self) -> &[(&str, &str)];
    /// Draws it.
    ///
    /// # Errors
    ///
    /// Where the table lacks a column or has nothing to draw.
    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError>;
}

/// The figures that experiments can name.
///
/// ```
/// use dynvision_lab::figure::Registry;
///
/// let figures = Registry::built_in();
/// assert_eq!(figures.get("dynamics")?.name(), "dynamics");
/// assert!(figures.names().any(|name| name == "rdm"));
/// # Ok::<(), dynvision_lab::figure::FigureError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    figures: Vec<Arc<dyn Figure>>,
}

impl Registry {
    /// A registry without figures.
    pub fn new() -> Self {
        Registry::default()
    }

    /// The figures that come with the laboratory.
    pub fn built_in() -> Self {
        Registry { figures: super::built_in() }
    }

    /// Adds a figure.
    ///
    /// # Errors
    ///
    /// Where there is one of its name.
    pub fn add(&mut self, figure: impl Figure + 'static) -> Result<(), FigureError> {
        if self.names().any(|name| name == figure.name()) {
            return Err(FigureError::Taken { name: figure.name().into() });
        }
        self.figures.push(Arc::new(figure));
        Ok(())
    }

    /// Returns the figure of a name.
    ///
    /// # Errors
    ///
    /// Where there is none, with the nearest name.
    pub fn get(&self, name: &str) -> Result<&dyn Figure, FigureError> {
        let found = self.figures.iter().find(|figure| figure.name() == name);
        found.map(AsRef::as_ref).ok_or_else(|| FigureError::Unknown {
            name: name.into(),
            suggestion: did_you_mean(name, self.names()),
            known: listed(self.names()),
        })
    }

    /// Names of the figures, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.figures.iter().map(|figure| figure.name())
    }

    /// The figures, in the order in which they were added.
    pub fn figures(&self) -> impl Iterator<Item = &dyn Figure> {
        self.figures.iter().map(AsRef::as_ref)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Figure for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn about(&self) -> &str {
            ""
        }
        fn columns(&self) -> &[(&str, &str)] {
            &[]
        }
        fn draw(&self, _: &Table, _: &Options) -> Result<Drawing, FigureError> {
            Err(FigureError::Nothing(String::new()))
        }
    }

    #[test]
    fn names_are_unique_and_far_ones_are_not_suggested() {
        let mut figures = Registry::built_in();
        assert!(figures.add(Named("responses")).unwrap_err().to_string().contains("another name"));
        figures.add(Named("own")).unwrap();
        assert_eq!(figures.get("own").unwrap().name(), "own");
        let error = figures.get("something else").err().unwrap().to_string();
        assert!(!error.contains("did you mean") && error.contains("`own`") && error.contains("`responses`"), "{error}");
    }
}
