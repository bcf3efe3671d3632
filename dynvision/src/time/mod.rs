//! Time: milliseconds become steps here and nowhere else.

mod dynamics;
mod history;
mod plan;
mod stimulus;
mod unrolling;
mod wiring;

pub use dynamics::{AreaDynamics, Dynamics};
pub use history::History;
pub use plan::{AreaPlan, Plan, steps};
pub use stimulus::Stimulus;
pub(crate) use stimulus::blank;
pub use wiring::{Area, Link, LinkKind, Wiring};
