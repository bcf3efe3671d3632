//! Gradients of something else than what was computed: spikes that learn.

use super::arithmetic::mul;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{self, Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// `values`, with the gradients of `smooth`: the straight-through estimator (Bengio, Leonard and Courville 2013). What comes
/// back to the result goes on to `smooth` as it is; `values` get nothing.
///
/// # Shapes
/// `values`, `smooth` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = ops::erase(dev.tensor([[[[0.4f64, 1.7]]]]))?;
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let rounded = ops::erase(dev.tensor([[[[0.0f64, 2.0]]]]))?;
/// let y = ops::straight_through(&rounded, &x, &mut graph)?;
/// assert_eq!(y.as_vec(), [0.0, 2.0]);
/// let grads = graph.run(y, |y| y.try_square()?.try_sum::<Rank0, _>())?.put_tape(graph.tape).backward();
/// assert_eq!(grads.get(&x).as_vec(), [0.0, 4.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn straight_through<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    values: &Maps<E, D>,
    smooth: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    if values.shape() != smooth.shape() {
        return Err(Error::shape("straight-through", &smooth.shape().concrete(), &values.shape().concrete()));
    }
    let y = super::stop_gradient(values)?;
    let smooth = smooth.ghost();
    graph.on_backward(&y, move |dev, grads, gy| dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&smooth)?));
    Ok(y)
}

/// What stands in for the derivative of a spike `H(u)` by `u`, the potential above the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surrogate {
    /// `1 / (1 + k |u|)²`, the derivative of the fast sigmoid `u / (1 + k |u|)` (Zenke and Ganguli 2018).
    FastSigmoid(f64),
    /// `(alpha / 2) / (1 + (pi alpha u / 2)²)`, the derivative of an arctangent (Fang et al. 2021).
    Arctangent(f64),
    /// `alpha s (1 - s)` with `s = 1 / (1 + exp(-alpha u))`.
    Logistic(f64),
    /// 1: the gradient of a spike is that of the potential.
    StraightThrough,
}

impl Surrogate {
    /// The derivative at `u`, which is not differentiated itself.
    fn derivative<E: Element, D: VisionDevice<E>>(self, u: &Maps<E, D>) -> Result<Option<Maps<E, D>>, D::Err> {
        let number = |value: f64| E::from_f64(value).unwrap_or_default();
        let u = u.clone();
        Ok(Some(match self {
            Surrogate::StraightThrough => return Ok(None),
            Surrogate::FastSigmoid(k) => {
                u.try_abs()?.try_mul(number(k))?.try_add(E::one())?.try_square()?.try_recip()?
            }
            Surrogate::Arctangent(alpha) => {
                let at = u.try_mul(number(std::f64::consts::FRAC_PI_2 * alpha))?.try_square()?.try_add(E::one())?;
                at.try_recip()?.try_mul(number(alpha / 2.0))?
            }
            Surrogate::Logistic(alpha) => {
                let s = u.try_mul(number(alpha))?.try_sigmoid()?;
                let rest = s.clone().try_negate()?.try_add(E::one())?;
                s.try_mul(rest)?.try_mul(number(alpha))?
            }
        }))
    }
}

/// Spikes: 1 where `u > 0` (or, with `at_threshold`, where `u >= 0`), else 0; NaN stays NaN. Backward, the derivative is that of `surrogate`.
///
/// # Shapes
/// `u` and the result have one shape.
///
/// # Errors
/// [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops::{self, Surrogate}};
/// use dfdx::prelude::*;
/// let u = ops::erase(Cpu::default().tensor([[[[0.5f64, -0.1, 0.0]]]]))?;
/// let gradient = |surrogate, at_threshold| {
///     let mut graph = Graph::new(u.leaky_trace().split_tape().1);
///     let spikes = ops::spike(&u, at_threshold, surrogate, &mut graph)?;
///     let grads = graph.run(spikes.clone(), |y| y.try_sum::<Rank0, _>())?.put_tape(graph.tape).backward();
///     Ok::<_, dynvision::error::Error>((spikes.as_vec(), grads.get(&u).as_vec()))
/// };
/// let (spikes, d) = gradient(Surrogate::FastSigmoid(2.0), false)?;
/// assert_eq!(spikes, [1.0, 0.0, 0.0]);
/// assert!((d[0] - 0.25).abs() < 1e-12 && (d[1] - 1.0 / 1.44).abs() < 1e-12 && d[2] == 1.0);
/// let (spikes, d) = gradient(Surrogate::Arctangent(2.0), true)?;
/// assert_eq!(spikes, [1.0, 0.0, 1.0]);
/// let slope = |u: f64| 1.0 / (1.0 + (std::f64::consts::PI * u).powi(2));
/// assert!((d[0] - slope(0.5)).abs() < 1e-12 && (d[1] - slope(-0.1)).abs() < 1e-12);
/// let (_, d) = gradient(Surrogate::Logistic(4.0), true)?;
/// let s = 1.0 / (1.0 + (-2.0f64).exp());
/// assert!((d[0] - 4.0 * s * (1.0 - s)).abs() < 1e-12 && (d[2] - 1.0).abs() < 1e-12);
/// assert_eq!(gradient(Surrogate::StraightThrough, false)?.1, [1.0, 1.0, 1.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn spike<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    u: &Maps<E, D>,
    at_threshold: bool,
    surrogate: Surrogate,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let dev = u.device();
    let fires = || -> Result<Maps<E, D>, D::Err> {
        let (ones, zeros): (Maps<E, D>, Maps<E, D>) = (dev.try_ones_like(u.shape())?, dev.try_zeros_like(u.shape())?);
        let (fires, rests) = match at_threshold {
            true => (u.try_ge(E::zero())?, u.try_lt(E::zero())?),
            false => (u.try_gt(E::zero())?, u.try_le(E::zero())?),
        };
        // what neither fires nor rests is no number, and stays none
        fires.try_choose(ones, rests.try_choose(zeros, kernels::contiguous(u.clone())?)?)
    };
    let spikes = fires().map_err(Error::device)?;
    let smooth = match surrogate.derivative(u).map_err(Error::device)? {
        Some(slope) => mul(u, &slope, graph)?,
        None => u.clone(),
    };
    straight_through(&spikes, &smooth, graph)
}
