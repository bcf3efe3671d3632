//! Time: milliseconds become steps here and nowhere else.

mod dynamics;
mod history;
mod mode;
mod plan;
mod stimulus;
mod unrolling;
mod wiring;

pub use dynamics::{AreaDynamics, Dynamics};
pub use history::History;
pub use mode::Mode;
pub use plan::{AreaPlan, Plan, steps};
pub(crate) use stimulus::blank;
pub use stimulus::{Injection, Stimulus};
pub use wiring::{Area, Link, LinkKind, Wiring};
