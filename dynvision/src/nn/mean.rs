//! The mean of an area as a readout.

use super::{Empty, Readout};
use crate::error::Result;
use crate::geometry::Features;
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{Axis, Const, HasShape, MeanTo, Tape};

/// A readout of one number, the mean over all units of an area: how large an error is, how active a population.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, 1)`.
///
/// ```
/// use dynvision::{nn::MeanOfUnits, prelude::*};
/// #[dyn_model(input = [1, 2, 2], operations = [layer, record, delay])]
/// struct Net {
///     v1: RConv2d<1, 2, 1, 1, NoRecurrence>,
///     #[readout]
///     mean: MeanOfUnits,
/// }
/// let dev = Cpu::default();
/// let net = dev.build_module::<Net, f64>();
/// let (mean, responses) = net.try_record(Stimulus::constant(dev.sample_normal_like(&(1, Const, Const, Const)), 1))?;
/// let units = responses.v1.values.as_vec();
/// assert!((mean.as_vec()[0] - units.iter().sum::<f64>() / units.len() as f64).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanOfUnits;
crate::spec!(impl MeanOfUnits => Empty);

impl Readout for MeanOfUnits {
    const FEATURES: Features = Features::Any;
    type Classes = Const<1>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        let channels = ops::global_avg_pool(&x, cx)?;
        let batch = channels.shape().0;
        let mean = cx.run(channels, |channels| channels.try_mean::<(usize,), Axis<1>>())?;
        ops::reshaped(mean, &(batch, 1))
    }
}
