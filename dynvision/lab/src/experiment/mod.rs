//! Running experiments: a protocol, a grid over its settings and the model's, interventions and measures, as data.
//!
//! An [`Experiment`] is a TOML file or a value; [`NAMES`] come with the library. A [`Runner`] takes a trained model and images,
//! says what it will cost, and runs what is not on disk yet. Every cell of the grid is a folder that is there whole or not at
//! all, named by the checksum of all that makes it: the condition, the model's weights and times, the images, the seed. The same
//! condition of another experiment is the same folder, and is not run again.
//!
//! ```no_run
//! use dynvision::data::digits;
//! use dynvision::prelude::*;
//! use dynvision_lab::experiment::{Runner, named};
//! use dynvision_lab::{Gallery, Trained};
//!
//! let dev = Cpu::default();
//! let net = dev.build_module::<dynvision::zoo::DyRCNNx2, f32>(); // and load its weights
//! let subject = Trained::new(net, &dev)?;
//! let images = digits::test()?;
//! let gallery = Gallery::of(&images)?;
//! let results = Runner::new(&subject, &gallery, "runs/cells").batch(50).tag("seed", 1).run(&named("contrast")?)?;
//! results.write("runs/contrast")?; // steps.parquet, samples.parquet, summaries as CSV
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cell;
mod collect;
mod cost;
mod draw;
mod results;
mod runner;
mod summary;

pub(crate) use cell::is_finished;
pub use cost::Cost;
pub(crate) use cost::size;
pub use dynvision::protocol::experiment::{Condition, Experiment, NAMES, source};
pub use results::{ResultTable, Results};
pub use runner::{Progress, Runner};

use crate::run_error::RunError;

/// Returns an experiment that comes with the library.
///
/// # Errors
///
/// A name that none has, with the nearest and all.
///
/// ```
/// use dynvision_lab::experiment::named;
///
/// assert_eq!(named("contrast")?.conditions()?.len(), 7);
/// assert!(named("contrasts").unwrap_err().to_string().contains("did you mean `contrast`?"));
/// # Ok::<(), dynvision_lab::RunError>(())
/// ```
pub fn named(name: &str) -> Result<Experiment, RunError> {
    match Experiment::named(name) {
        Some(experiment) => Ok(experiment?),
        None => Err(crate::Error::unknown("experiment", name, NAMES.iter().copied()).into()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
