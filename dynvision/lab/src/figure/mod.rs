//! Figures: one file each, drawn from a [`Table`] alone, as SVG with the numbers that are drawn beside it.
//!
//! A [`Figure`] has a name, by which experiments ask a [`Registry`] for it, and makes a [`Drawing`] of a table in long form and
//! of [`Options`]. The built-in ones lay out [`Panel`]s on a [`Page`], and so may a user's own, which is added to the registry.
//!
//! All of them keep these rules: time is 0 at the onset of the stimulus, which is a pale band; samples are averaged within a
//! seed, a thin line is a seed, and a band is the interval over seeds, with n in a corner; what is missing is a gap; scales grow
//! until they hold every value of every seed (an interval that is more than three times as wide as the data is cut, and the
//! panel says so); colours are those that people of every colour vision tell apart.
//!
//! # Columns
//!
//! | column | meaning |
//! |---|---|
//! | `value` | the number that is drawn |
//! | `time_ms`, `epoch` | when it was measured |
//! | `stimulus` | strength of what is shown at that time, 0 for a blank |
//! | `measure` | what it is: `response`; `first_label_accuracy`, or else `accuracy`; `confidence`; … |
//! | `area`, `category`, `condition`, `parameter` | what it belongs to |
//! | `seed` | from which seed the network was trained |
//! | `samples` | how many samples the number is a mean of |
//!
//! A figure's own columns stand with it. Columns of other names are renamed by [`Table::renamed`], and wide tables are made long
//! by [`Table::melted`].
//!
//! ```
//! use dynvision_lab::figure::{Options, Registry, Table};
//!
//! let table = Table::read_csv("time_ms,area,seed,value\n0,v1,0,0.1\n2,v1,0,0.4\n0,v1,1,0.2\n2,v1,1,0.6\n".as_bytes())?;
//! let drawing = Registry::built_in().get("responses")?.draw(&table, &Options::default())?;
//! assert!(drawing.svg.starts_with("<svg") && drawing.svg.contains("n = 2 seeds"));
//! assert!(drawing.csv.contains("v1,all,mean,,0,0.15"));
//! # Ok::<(), dynvision_lab::figure::FigureError>(())
//! ```

mod comparison;
mod compose;
mod confusion;
mod distribution;
mod draw;
mod drawing;
mod dynamics;
mod error;
mod fit;
mod layout;
mod numbers;
mod options;
mod palette;
mod panel;
mod performance;
mod rdm;
mod reference;
mod registry;
mod responses;
mod scale;
mod series;
mod svg;
mod table;
mod training;
mod unrolling;
mod weights;

pub use comparison::Comparison;
pub use confusion::Confusion;
pub use distribution::Distribution;
pub use drawing::Drawing;
pub use dynamics::Dynamics;
pub use error::FigureError;
pub use options::{Options, Over};
pub use palette::{Ink, Palette};
pub use panel::{Axis, Line, Mark, Matrix, Page, Panel, Row, Rule, Spread, Violin};
pub use performance::Performance;
pub use rdm::Rdm;
pub use reference::human_reference;
pub use registry::{Figure, Registry};
pub use responses::Responses;
pub use scale::Scale;
pub use series::{Point, Seed, Series, Shown};
pub(crate) use svg::escaped;
pub use table::Table;
pub use training::Training;
pub use unrolling::Unrolling;
pub use weights::Weights;

use std::sync::Arc;

/// The figures that come with the laboratory, in the order in which they are listed.
fn built_in() -> Vec<Arc<dyn Figure>> {
    vec![
        Arc::new(Responses),
        Arc::new(Dynamics),
        Arc::new(Performance),
        Arc::new(Training),
        Arc::new(Comparison),
        Arc::new(Unrolling),
        Arc::new(Weights),
        Arc::new(Confusion),
        Arc::new(Rdm),
    ]
}
