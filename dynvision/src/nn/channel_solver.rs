//! A time constant for each channel.

use super::Solver;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{Device, Dtype, Tape, TryAdd, TryMul};

/// Euler's method with a time constant for each of `C` channels, which stays between `MIN` and `MAX` ms whatever an optimizer
/// does, and is trained unless `TRAINED` is false:
///
/// ```text
/// y = h + dt / tau_c (x - h)      tau_c = MIN + (MAX - MIN) sigmoid(raw_c)
/// ```
///
/// Each begins with that of the area in the declaration's dynamics, as near to it as the bounds let; `reset_params` of dfdx
/// puts them in the middle of the bounds. What is saved, loaded and updated is `raw`;
/// [`taus`](built::EulerPerChannel::taus) and [`set_taus`](built::EulerPerChannel::set_taus) speak of ms. An absent `h` is zero.
///
/// # Shapes
/// `x`, `h` and the result are `(B, C, H, W)`; `raw: (C)`.
///
/// # Errors
/// [`Error::Setting`] where `dt` is more than twice `MIN`, at which Euler's method is not stable.
///
/// ```
/// use dynvision::{nn::EulerPerChannel, prelude::*};
/// #[dyn_model(input = [1, 4, 4], operations = [layer, tstep, nonlin, record, delay], dynamics(tau = 8.0))]
/// struct Net {
///     #[area(solver = EulerPerChannel<3>)]
///     v1: RConv2d<1, 3>,
///     #[readout]
///     classifier: Classifier<3, 2>,
/// }
/// let mut net = Cpu::default().build_module::<Net, f64>();
/// assert!(net.v1_tstep.taus().iter().all(|tau| (tau - 8.0).abs() < 1e-9));
/// net.v1_tstep.set_taus(&[4.0, 8.0, 50.0])?;
/// assert!((net.v1_tstep.taus()[2] - 50.0).abs() < 1e-9);
/// assert!(net.v1_tstep.set_taus(&[4.0, 8.0, 500.0]).is_err()); // beyond 200 ms
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EulerPerChannel<const C: usize, const MIN: usize = 2, const MAX: usize = 200, const TRAINED: bool = true>;
crate::spec!(impl [const C: usize, const MIN: usize, const MAX: usize, const TRAINED: bool]
    EulerPerChannel<C, MIN, MAX, TRAINED> => built::EulerPerChannel<C, MIN, MAX, TRAINED, E, D>);

#[diagnostic::do_not_recommend]
impl<const C: usize, const MIN: usize, const MAX: usize, const TRAINED: bool> Solver
    for EulerPerChannel<C, MIN, MAX, TRAINED>
{
    const CHANNELS: Option<usize> = Some(C);
    const MISFIT: Option<&'static str> = if MIN == 0 || MIN >= MAX {
        Some("its time constants lie between the second number and the third, which must be greater, in ms above 0")
    } else {
        None
    };

    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let dt = cx.area().dt;
        if dt > 2.0 * MIN as f64 {
            return Err(Error::Setting(format!(
                "time constants may become as short as {MIN} ms, and dt = {dt} ms is more than twice that, at which Euler's method is not \
                 stable; a smaller dt or a greater bound, the second number of `EulerPerChannel`, is stable"
            )));
        }
        let number = |value: f64| E::from_f64(value).unwrap_or_default();
        let (range, least, dt) = (number((MAX - MIN) as f64), number(MIN as f64), number(dt));
        let rate = cx.run(built.raw.clone(), |raw| {
            raw.try_sigmoid()?.try_mul(range)?.try_add(least)?.try_recip()?.try_mul(dt)
        })?;
        let Some(h) = h else { return ops::scale(&x, &rate, cx) };
        let change = ops::sub(&x, h, cx)?;
        let change = ops::scale(&change, &rate, cx)?;
        ops::add(h.clone(), &change, cx)
    }

    fn set_tau<E: Dtype, D: Device<E>>(built: &mut Self::Built<E, D>, ms: f64) {
        let nearest = ms.clamp(MIN as f64 + NEAREST, (MAX as f64 - NEAREST).max(MIN as f64 + NEAREST));
        built.put(&[nearest; C]);
    }
}

/// How near a time constant that is set comes to its bounds, in ms: at them there would be no slope.
const NEAREST: f64 = 1e-3;

impl<const C: usize, const MIN: usize, const MAX: usize, const TRAINED: bool, E: Dtype, D: Device<E>>
    built::EulerPerChannel<C, MIN, MAX, TRAINED, E, D>
{
    /// The time constant of each channel in ms.
    pub fn taus(&self) -> Vec<f64> {
        let (least, range) = (MIN as f64, MAX.saturating_sub(MIN) as f64);
        let tau = |raw: &E| least + range / (1.0 + (-raw.to_f64().unwrap_or(f64::NAN)).exp());
        self.raw.as_vec().iter().map(tau).collect()
    }

    /// Sets the time constant of each channel in ms.
    ///
    /// # Errors
    /// [`Error::Shape`] of another number of them than channels; [`Error::Setting`] of one that is not between the bounds.
    pub fn set_taus(&mut self, ms: &[f64]) -> Result<()> {
        if ms.len() != C {
            return Err(Error::shape("time constants (one for each channel)", &[C], &[ms.len()]));
        }
        if let Some((channel, tau)) = ms.iter().enumerate().find(|(_, tau)| !(**tau > MIN as f64 && **tau < MAX as f64))
        {
            return Err(Error::Setting(format!(
                "the time constant of channel {channel} is {tau} ms and must lie between {MIN} and {MAX} ms, the bounds that \
                 `EulerPerChannel` was declared with"
            )));
        }
        self.put(ms);
        Ok(())
    }

    fn put(&mut self, ms: &[f64]) {
        let raw = |tau: &f64| E::from_f64(((tau - MIN as f64) / (MAX as f64 - tau)).ln()).unwrap_or_default();
        self.raw.copy_from(&ms.iter().map(raw).collect::<Vec<E>>());
    }
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank1, Tensor};

    /// The time constants of an [`EulerPerChannel`](super::EulerPerChannel).
    #[derive(Clone, Debug)]
    pub struct EulerPerChannel<
        const C: usize,
        const MIN: usize,
        const MAX: usize,
        const TRAINED: bool,
        E: Dtype,
        D: Device<E>,
    > {
        /// How far each lies between the bounds, before the logistic function.
        pub raw: Tensor<Rank1<C>, E, D>,
    }

    impl<const C: usize, const MIN: usize, const MAX: usize, const TRAINED: bool, E: Dtype, D: Device<E>>
        TensorCollection<E, D> for EulerPerChannel<C, MIN, MAX, TRAINED, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = EulerPerChannel<C, MIN, MAX, TRAINED, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let options = match TRAINED {
                true => TensorOptions::reset_to_zeros(),
                false => TensorOptions::detached(|raw: &mut Tensor<Rank1<C>, E, D>| raw.try_fill_with_zeros()),
            };
            visitor
                .visit_fields(Self::tensor("raw", |s| &s.raw, |s| &mut s.raw, options), |raw| EulerPerChannel { raw })
        }
    }
}
