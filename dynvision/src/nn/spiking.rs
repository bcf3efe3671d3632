//! Leaky integrate-and-fire units.

use super::{Empty, Solver};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, Surrogate};
use crate::unroll::Context;
use dfdx::prelude::{NoneTape, Tape};
use std::fmt::Debug;
use std::marker::PhantomData;

/// How a spike learns: the [`Surrogate`] of its derivative, as a type.
pub trait SpikeGradient: Clone + Debug + 'static {
    /// What stands in for the derivative.
    const SURROGATE: Surrogate;
}
/// [`Surrogate::FastSigmoid`] of slope `K`; 25 in snntorch.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastSigmoid<const K: usize = 25>;
impl<const K: usize> SpikeGradient for FastSigmoid<K> {
    const SURROGATE: Surrogate = Surrogate::FastSigmoid(K as f64);
}
/// [`Surrogate::Arctangent`] of `ALPHA` thousandths; 2 in snntorch and spikingjelly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arctangent<const ALPHA: usize = 2000>;
impl<const ALPHA: usize> SpikeGradient for Arctangent<ALPHA> {
    const SURROGATE: Surrogate = Surrogate::Arctangent(ALPHA as f64 / 1000.0);
}
/// [`Surrogate::Logistic`] of `ALPHA` thousandths; 4 in spikingjelly.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogisticSpike<const ALPHA: usize = 4000>;
impl<const ALPHA: usize> SpikeGradient for LogisticSpike<ALPHA> {
    const SURROGATE: Surrogate = Surrogate::Logistic(ALPHA as f64 / 1000.0);
}
/// [`Surrogate::StraightThrough`].
#[derive(Clone, Copy, Debug, Default)]
pub struct StraightThrough;
impl SpikeGradient for StraightThrough {
    const SURROGATE: Surrogate = Surrogate::StraightThrough;
}

/// What a spike does to the membrane.
pub trait Reset: Clone + Debug + 'static {
    /// Whether it sets the membrane to 0; else it subtracts the threshold.
    const TO_ZERO: bool;
}
/// The membrane goes to 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct HardReset;
impl Reset for HardReset {
    const TO_ZERO: bool = true;
}
/// The threshold is subtracted.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftReset;
impl Reset for SoftReset {
    const TO_ZERO: bool = false;
}

/// Leaky integrate-and-fire units as snntorch has them (Eshraghian et al. 2023), with threshold 1. A spike resets the
/// membrane one step later, without a gradient:
///
/// ```text
/// r = [m > 1]      u = beta m + x - r   (SoftReset)   or   u = beta (1 - r) m + x   (HardReset)
/// s = [u > 1]      m = u
/// ```
///
/// `beta` is `BETA` thousandths. It stands where a solver does: the drive is what the operations before `tstep` make, the
/// response the spikes `s`; the membrane `m`, which begins at 0, is the memory `membrane` of its area.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::Leaky, prelude::*};
/// use dfdx::prelude::OnesTensor;
/// #[dyn_model(input = [1, 1, 1], operations = [layer, tstep, record, delay], solver = Leaky<500>)]
/// struct Net {
///     v1: RConv2d<1, 1, 1, 1, NoRecurrence>,
///     #[readout]
///     classifier: Classifier<1, 2>,
/// }
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Net, f64>();
/// net.v1.feedforward.weight = dev.tensor([[[[0.75]]]]);
/// let frame = dev.ones::<(Const<1>, Const<1>, Const<1>, Const<1>)>();
/// let (_, responses) = net.try_record(Stimulus::constant(frame, 4))?;
/// // the membrane: 0.75, 1.125 (a spike), 0.3125, 0.90625
/// assert_eq!(responses.v1.values.as_vec(), [0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Leaky<const BETA: usize = 900, R = SoftReset, S = FastSigmoid>(PhantomData<(R, S)>);
crate::spec!(impl [const BETA: usize, R: Reset, S: SpikeGradient] Leaky<BETA, R, S> => Empty);

#[diagnostic::do_not_recommend]
impl<const BETA: usize, R: Reset, S: SpikeGradient> Solver for Leaky<BETA, R, S> {
    const MISFIT: Option<&'static str> = match BETA {
        0..=1000 => None,
        _ => Some("a `Leaky<BETA>` keeps at most all of its membrane, 1000 thousandths"),
    };

    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        _: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let beta = BETA as f64 / 1000.0;
        let u = match cx.memory("membrane") {
            None => x,
            Some(m) => {
                let mut aside = crate::autograd::Graph::new(NoneTape);
                let above = ops::affine(1.0, &m, -1.0, &mut aside)?;
                let reset = ops::spike(&above, false, Surrogate::StraightThrough, &mut aside)?;
                if R::TO_ZERO {
                    let rest = ops::affine(-1.0, &reset, 1.0, &mut aside)?;
                    let kept = ops::mul(&m, &rest, cx)?;
                    let kept = ops::affine(beta, &kept, 0.0, cx)?;
                    ops::add(kept, &x, cx)?
                } else {
                    let kept = ops::affine(beta, &m, 0.0, cx)?;
                    let sum = ops::add(kept, &x, cx)?;
                    ops::sub(&sum, &reset, cx)?
                }
            }
        };
        cx.remember("membrane", &u)?;
        let above = ops::affine(1.0, &u, -1.0, cx)?;
        ops::spike(&above, false, S::SURROGATE, cx)
    }
}

/// Leaky integrate-and-fire units as spikingjelly has them (Fang et al. 2023), with threshold 1 and resting potential 0. A
/// spike resets the membrane at once, and the reset passes gradients on:
///
/// ```text
/// u = v + dt/tau (x - v)      s = [u >= 1]
/// v = u - s   (SoftReset)   or   v = (1 - s) u   (HardReset)
/// ```
///
/// `tau` is that of the area. It stands where a solver does, as [`Leaky`]; the membrane `v` is the memory `membrane` of its
/// area.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::LifNode, prelude::*};
/// use dfdx::prelude::OnesTensor;
/// #[dyn_model(input = [1, 1, 1], operations = [layer, tstep, record, delay], solver = LifNode, dynamics(dt = 1.0, tau = 2.0))]
/// struct Net {
///     v1: RConv2d<1, 1, 1, 1, NoRecurrence>,
///     #[readout]
///     classifier: Classifier<1, 2>,
/// }
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Net, f64>();
/// net.v1.feedforward.weight = dev.tensor([[[[1.5]]]]);
/// let frame = dev.ones::<(Const<1>, Const<1>, Const<1>, Const<1>)>();
/// let (_, responses) = net.try_record(Stimulus::constant(frame, 4))?;
/// // the potential: 0.75, 1.125 (a spike), 0.75, 1.125
/// assert_eq!(responses.v1.values.as_vec(), [0.0, 1.0, 0.0, 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LifNode<R = HardReset, S = LogisticSpike>(PhantomData<(R, S)>);
crate::spec!(impl [R: Reset, S: SpikeGradient] LifNode<R, S> => Empty);

#[diagnostic::do_not_recommend]
impl<R: Reset, S: SpikeGradient> Solver for LifNode<R, S> {
    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        _: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let rate = cx.area().dt / cx.area().tau;
        let u = match cx.memory("membrane") {
            None => ops::affine(rate, &x, 0.0, cx)?,
            Some(v) => {
                let change = ops::sub(&x, &v, cx)?;
                let change = ops::affine(rate, &change, 0.0, cx)?;
                ops::add(change, &v, cx)?
            }
        };
        let above = ops::affine(1.0, &u, -1.0, cx)?;
        let s = ops::spike(&above, true, S::SURROGATE, cx)?;
        let v = if R::TO_ZERO {
            let rest = ops::affine(-1.0, &s, 1.0, cx)?;
            ops::mul(&rest, &u, cx)?
        } else {
            ops::sub(&u, &s, cx)?
        };
        cx.remember("membrane", &v)?;
        Ok(s)
    }
}
