//! Noise in the units.

use super::{Empty, Operation};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;

/// Adds noise to each unit, `y = x + s n` with `n` normal and `s = PER_MILLE / 1000`, drawn anew at each step, in training and in
/// evaluation alike (Song, Yang and Wang 2016, "Training excitatory-inhibitory recurrent neural networks"). The run's seed
/// determines the draws ([`Stimulus::seeded`](crate::unroll::Stimulus::seeded)).
///
/// Where it stands among the operations says what is noisy: before `tstep` the current, after it the rate. Noise in the current of an
/// Euler step of `dt` and time constant `tau` has the strength of a diffusion `sigma`, whatever the step is, where
/// `s = sigma sqrt(2 tau / dt)`.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::UnitNoise, prelude::*};
/// #[dyn_model(input = [1, 6, 6], operations = [layer, noise, tstep, nonlin, record, delay])]
/// struct Net {
///     #[area(apply(noise = UnitNoise<200>))]
///     v1: RConv2d<1, 4>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let dev = Cpu::seed_from_u64(0);
/// let net = dev.build_module::<Net, f32>();
/// let frame = dev.sample_normal::<(Const<1>, Const<1>, Const<6>, Const<6>)>();
/// let run = |seed| net.try_run(Stimulus::constant(frame.clone(), 3).seeded(seed)).map(|logits| logits.as_vec());
/// assert_eq!(run(1)?, run(1)?);
/// assert_ne!(run(1)?, run(2)?);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitNoise<const PER_MILLE: usize = 100>;
crate::spec!(impl [const PER_MILLE: usize] UnitNoise<PER_MILLE> => Empty);

impl<const PER_MILLE: usize> Operation for UnitNoise<PER_MILLE> {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let seed = cx.draw_seed(x.device());
        ops::unit_noise(PER_MILLE as f64 / 1000.0, seed, x, cx)
    }
}
