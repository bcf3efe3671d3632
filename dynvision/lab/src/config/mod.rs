//! One tree of settings, in layers: built in < what the model declares < file < profile < environment < command line. Each value
//! knows where it comes from.
//!
//! A file is TOML:
//!
//! ```toml
//! model = "my-net"
//! seed = 0
//! [dynamics]
//! tau = "10 ms"           # or "5 steps", or a number of ms
//! [data]
//! name = "mnist5k"
//! [train]
//! epochs = 3
//! [profile.quick.train]   # with `--profile quick`
//! epochs = 1
//! ```
//!
//! `DYNVISION_TRAIN__EPOCHS=3` sets the same by the environment, and `--set train.epochs=3` on the command line. A key that there
//! is not is refused, with its line, the nearest key and those that there are.

mod error;
mod layer;
mod schema;
mod settings;
mod source;
mod units;

pub use error::ConfigError;
pub use schema::{KEYS, Key, Kind};
pub use settings::{Config, Data, Experiments, Settings};
pub use source::{Layers, Source};
