//! Training: epochs over images that are presented in time, evaluation, checkpoints that resume exactly.
//!
//! ```
//! use dynvision::prelude::*;
//! use dynvision::data::digits;
//! use dynvision::train::{TrainConfig, Trainer};
//!
//! #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay, pool])]
//! struct Digits {
//!     #[area(pool = MaxPool2d<3, 2, 1>)]
//!     v1: RConv2d<1, 8>,
//!     #[area]
//!     v2: RConv2d<8, 8>,
//!     #[readout]
//!     classifier: Classifier<8, 10>,
//! }
//!
//! let config = TrainConfig { epochs: 1, steps: 3, progress: false, ..TrainConfig::default() };
//! let dev = Cpu::seed_from_u64(config.seed.0); // one seed determines the run
//! let mut trainer = Trainer::new(&dev, dev.build_module::<Digits, f32>(), config)?;
//! # let few: Vec<usize> = (0..128).collect();
//! let (train, test) = (digits::train()?, digits::test()?);
//! # let (train, test) = (train.subset(&few)?, test.subset(&few)?);
//! trainer.fit(&train, Some(&test))?;
//! assert_eq!(trainer.history().epochs.len(), 1);
//! let metrics = trainer.evaluate(&test)?;
//! assert!(metrics.accuracy.is_some_and(|accuracy| (0.0..=1.0).contains(&accuracy)));
//! # Ok::<(), dynvision::train::TrainError>(())
//! ```

mod agreement;
mod backward;
mod by_readout;
mod checkpoint;
mod config;
mod csv;
mod diagnosis;
mod early_stopping;
mod error;
mod events;
mod folder;
mod history;
mod inputs;
mod interrupt;
mod journal;
mod logging;
mod logs;
mod metrics;
mod monitor;
mod number;
mod pace;
mod presented;
mod progress;
mod recording;
mod residual;
mod responses;
mod source;
mod trainer;
mod window;

pub use agreement::{Agreement, UnitAgreement};
pub use by_readout::LabelledByReadout;
pub use checkpoint::{About, Checkpoint};
pub use config::{Checkpoints, Interval, TrainConfig};
pub use early_stopping::{EarlyStopping, Verdict};
pub use error::TrainError;
pub use history::{Epoch, Step, TrainingLog};
pub use inputs::{OtherInput, WithInputs};
pub use journal::Position;
pub use logs::Logs;
pub use metrics::{Metrics, ReadoutMetrics};
pub use monitor::Monitor;
pub use presented::Presented;
pub use recording::Recording;
pub use residual::residual_steps;
pub use source::{Batch, Batches, Drawn, LabelledInTime, Pass, Recorded, RecordedAndLabelled, Source};
pub use trainer::{Partial, Trainer};
