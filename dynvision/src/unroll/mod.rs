//! One network unrolled in time: what is shown to it, what it remembers, what is observed of it, and where a run stands.

mod context;
mod current;
mod history;
mod observer;
mod recording;
mod response;
mod rng;
mod statistics;
mod stimulus;

pub use context::Context;
pub use current::Injection;
pub(crate) use history::Memories;
pub use history::{History, Past};
pub use observer::{Discard, Initial, MapAreas, Observer, PerArea, Stacked, State, Steps, Timed, VisitAreas};
pub use recording::{Memory, Recording};
pub use response::{NamedArray, Response};
pub(crate) use statistics::Observed;
pub use statistics::Statistics;
pub use stimulus::Stimulus;
pub(crate) use stimulus::{Beside, blank};
