//! Current that is injected into an area.

use super::layer::sizes;
use super::{Empty, Operation};
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{HasShape, Shape, Tape};

/// Adds the external current of this step, if the stimulus injects one into this area
/// ([`Stimulus::inject`](crate::unroll::Stimulus::inject)): microstimulation, top-down attention, an imagined input. Where
/// there is no signal the current alone is one. (The original's `addext` is the place for this, which nothing fills.)
///
/// # Shapes
/// `(B, C, H, W)`, as it was; a current has the same.
///
/// ```
/// use dfdx::prelude::{OnesTensor, Rank4, ZerosTensor};
/// use dynvision::prelude::*;
/// #[dyn_model(input = [1, 4, 4], operations = [layer, addext, tstep, nonlin, record, delay], dynamics(dt = 2.0, tau = 4.0))]
/// struct Net {
///     #[area(addext = ExternalInput)]
///     v1: RConv2d<1, 2, 3, 1, NoRecurrence>,
///     #[readout]
///     classifier: Classifier<2, 3>,
/// }
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f32>();
/// let frame = dev.zeros::<Rank4<1, 1, 4, 4>>();
/// let current = dev.ones::<Rank4<1, 2, 4, 4>>();
/// let (_, without) = net.try_record(Stimulus::constant(frame.clone(), 3))?;
/// let (_, with) = net.try_record(Stimulus::constant(frame, 3).inject("v1", current, 1..2)?)?;
/// let [without, with] = [without, with].map(|responses| responses.v1.values.as_vec());
/// let differs = |step: usize| without[32 * step..][..32] != with[32 * step..][..32];
/// // dt / tau of the current arrives at its step, and decays afterwards
/// assert!(!differs(0) && differs(1) && differs(2));
/// assert!((with[32] - without[32] - 0.5).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ExternalInput;
crate::spec!(impl ExternalInput => Empty);

impl Operation for ExternalInput {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        mut x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let expected = x.shape().concrete();
        for current in cx.currents() {
            check(&current, expected)?;
            x = ops::add(x, &current, cx)?;
        }
        Ok(x)
    }

    fn absent<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let expected = sizes(cx.input(), cx);
        let mut sum = None;
        for current in cx.currents() {
            check(&current, expected)?;
            sum = Some(match sum {
                Some(sum) => ops::add(sum, &current, cx)?,
                None => current,
            });
        }
        Ok(sum)
    }
}

fn check<E: Element, D: VisionDevice<E>>(current: &Maps<E, D>, expected: [usize; 4]) -> Result<()> {
    let found = current.shape().concrete();
    if found == expected { Ok(()) } else { Err(Error::shape("external current", &expected, &found)) }
}
