//! Runs: a folder for each training, with its settings, provenance, checkpoints and experiments.
//!
//! The folder's name is a readable beginning, the seed, and a checksum of all that determines what is computed: the model's
//! wiring and times, the data, the settings of the training. The same settings are the same run, which is not done again; a
//! change of settings is another run. Nothing in a run is overwritten by other numbers.
//!
//! ```text
//! runs/my-net-mnist5k-s0-1a2b3c4d/
//!   run.toml          settings, each with its source
//!   provenance.json   versions, machine, checksums
//!   sessions.jsonl    each command that worked on it, with time and memory
//!   checkpoints/      of the training, and its history `metrics.jsonl`
//!   trained.json      once it is trained
//!   test.json         once it is tested
//!   experiments/      cells, and a folder of tables for each experiment
//! ```

mod cost;
mod experiment;
mod place;
mod provenance;
mod status;
mod train;

pub use cost::TrainingCost;
pub use experiment::Named;
pub use place::{Place, Run};
pub(crate) use place::{read_json, write};
pub use provenance::{Provenance, Session};
pub use status::{State, Status};
pub use train::{Tested, Trained};
