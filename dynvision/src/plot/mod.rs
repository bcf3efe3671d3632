//! Plots as SVG files, drawn by `plotters` (feature `plot`).

mod ridge;

pub use ridge::{Ridge, Row};

/// Why a plot could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to draw, or a value is not finite.
    #[error("{0}")]
    Data(String),
    /// The drawing failed.
    #[error("the plot could not be drawn: {0}")]
    Drawing(String),
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}
