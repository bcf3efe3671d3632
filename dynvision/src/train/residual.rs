//! How much later than the frame the readout answers.

use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::unroll::Stimulus;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};

/// The steps before the readout has a signal: as much later than the frame, labels count.
///
/// It is the sum of the feedforward delays, less where a part makes a signal of none, such as a bias between areas: then the
/// readout answers as soon as the last such part does. As in the original (`n_residual_timesteps`) it is found by running the
/// model on one blank frame a step, of each input, without skips and feedback.
///
/// # Errors
/// Those of the dynamics and of the device.
pub fn residual_steps<M, E, D>(net: &M, device: &D) -> Result<usize>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
{
    let plan = net.plan()?;
    let Some(last) = plan.areas.last().filter(|_| plan.residual() > 0) else { return Ok(0) };
    // a copy shares its weights
    let mut net = net.clone();
    let dynamics = net.dynamics_mut();
    (dynamics.feedforward_only, dynamics.idle_steps) = (true, 0);
    let shape = (1, Default::default(), Default::default(), Default::default());
    let frame = device.try_zeros_like(&shape).map_err(Error::device)?;
    let steps = plan.residual() + 1;
    let mut stimulus = Stimulus::constant(frame, steps);
    for (name, map) in M::BESIDE {
        let blank = device.try_zeros_like(&(1, map.c, map.h, map.w)).map_err(Error::device)?;
        stimulus = stimulus.beside(*name, Stimulus::constant(blank, steps))?;
    }
    let (_, responses) = net.try_record(stimulus)?;
    let mut begins = Begins { area: M::WIRING.areas.last().map_or("", |area| area.name), step: None };
    M::visit_areas(&responses, &mut begins)?;
    Ok(begins.step.map_or(plan.residual(), |step| step + last.feedforward))
}

/// The first step at which an area answers.
struct Begins {
    area: &'static str,
    step: Option<usize>,
}

impl<E: Element, D: VisionDevice<E>> VisitAreas<Stacked, E, D> for Begins {
    fn area<S: Timed>(&mut self, area: &'static str, response: &Response<S, E, D>) -> Result<()> {
        if area == self.area {
            self.step = response.present.iter().position(|&present| present);
        }
        Ok(())
    }
}
