//! Statistics over samples and seeds, each with its n.
//!
//! A network trained from several seeds is several networks: samples are averaged within a seed first, and intervals are
//! over seeds ([`over_seeds`]). Both numbers are part of the result. Intervals are Student's ([`t_interval`]) or bootstrapped
//! ([`bootstrap`]) and carry their method; [`paired`] compares two categories seed by seed.

mod aggregate;
mod bootstrap;
mod correlation;
mod interval;
pub mod legacy;
mod mean;
mod paired;

pub use aggregate::{Aggregate, OverSeeds, over_seeds};
pub use bootstrap::bootstrap;
pub use correlation::{pearson, spearman};
pub use interval::{Interval, Method, t_interval};
pub use mean::{mean, sem, std};
pub(crate) use mean::{mean_of, variance_of};
pub use paired::{Paired, paired};
