//! Two ways to unroll one network in time.
//!
//! In *engineering* unrolling a frame passes all areas within one step (`t_feedforward = 0`). In *biological* unrolling
//! every area passes its answer on after a delay, so that a frame needs as many steps as there are areas. The two compute
//! the same activity, shifted in time: what area `a` answers at step `t` of engineering unrolling, it answers at step
//! `t + lag(a)` of biological unrolling, where `lag(a)` is the sum of the feedforward delays before `a`. Delays of links
//! have to change with the lags of the areas that they connect.

use super::{Dynamics, LinkKind, Plan, Wiring};
use crate::error::{Error, Result};

impl Dynamics {
    /// The biological unrolling, with `t_feedforward` ms between areas, of what these dynamics compute in engineering
    /// unrolling: each area's activity is the same, later by its lag.
    ///
    /// A skip from `i` to `j` gets the delay `d + lag(j) - lag(i)`, a feedback from `j` to `i` the delay
    /// `d - (lag(j) - lag(i))`, which must stay at least one step: feedback cannot be faster than the way there.
    ///
    /// # Errors
    /// [`Error::Setting`] if these dynamics have a feedforward delay already, or a feedback that is too fast for the lag
    /// between its areas; those of [`Plan::new`].
    pub fn biological(&self, wiring: &Wiring, t_feedforward: f64) -> Result<Dynamics> {
        let engineering = Plan::new(self, wiring)?;
        if engineering.residual() > 0 {
            return Err(Error::Setting("these dynamics have feedforward delays: they are biological already".into()));
        }
        let mut biological = Dynamics { t_feedforward, ..self.clone() };
        let lag = super::steps("t_feedforward", t_feedforward, self.dt)?;
        // the readout follows the last area without a delay of its own
        let last = wiring.areas.len().saturating_sub(1);
        if let Some(area) = wiring.areas.get(last) {
            biological.area(area.name).t_feedforward = Some(0.0);
        }
        for (link, &updates) in wiring.links.iter().zip(&engineering.links) {
            let between = lag * link.into.min(last).abs_diff(link.from);
            let steps = match link.kind {
                LinkKind::Skip => updates - 1 + between,
                LinkKind::Feedback => updates.checked_sub(between).filter(|&steps| steps > 0).ok_or_else(|| {
                    Error::Setting(format!(
                        "`{}` comes back after {} ms, before {t_feedforward} ms per area have passed on the way there",
                        link.name(wiring),
                        updates as f64 * self.dt
                    ))
                })?,
            };
            biological.links.insert(link.name(wiring), steps as f64 * self.dt);
        }
        Ok(biological)
    }
}
