//! Time: milliseconds become steps here and nowhere else.

mod dynamics;
mod mode;
mod plan;
mod rule;
mod unrolling;
mod wiring;

pub use dynamics::{AreaDynamics, Dynamics};
pub use mode::Mode;
pub use plan::{AreaPlan, Plan, steps};
pub use wiring::{Area, Link, LinkKind, Wiring};
