//! Elementwise operations.

use super::conv::{Filter, conv2d, conv2d_leaky};
use super::leaky::Step;
use super::shape::{contiguous, copy, reshaped, take};
use crate::autograd::{Graph, id, take_grad};
use crate::error::{Error, Result};
use crate::geometry::{Conv, Window};
use crate::kernels::{self, Element, Maps, Vector, VisionDevice};
use dfdx::prelude::*;

/// `a + b`; updates `a` in place where nobody else holds it. Unlike dfdx's own sum, `a` and `b` may be one tensor.
///
/// # Shapes
/// `a`, `b` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::Device`] where the device refuses.
pub fn add<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (a, b) = (take(a, graph)?, contiguous(b.clone(), graph)?);
    same_shape("sum", &a, &b)?;
    let (before, device) = (graph.before(&a), a.device().clone());
    let y = device.add(a, &b).map_err(Error::device)?;
    let b = b.ghost();
    graph.on_backward_added(before, &y, move |dev, grads, gy| dev.accumulate(E::ONE, gy, grads.get_or_alloc_mut(&b)?));
    Ok(y)
}

/// Returns `y`, added to `onto` where that is given: how a part ends that has no operation which adds by itself.
///
/// # Errors
/// As [`add`].
pub fn add_onto<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    onto: Option<Maps<E, D>>,
    y: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    match onto {
        Some(onto) => add(onto, &y, graph),
        None => Ok(y),
    }
}

/// Rectification `max(x, 0)`; updates `x` in place where nobody else holds it.
///
/// # Errors
/// [`Error::Device`] where the device refuses.
pub fn relu<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = take(x, graph)?;
    let (before, device) = (graph.before(&x), x.device().clone());
    let y = device.relu(x).map_err(Error::device)?;
    if T::OWNS_TAPE {
        let rectified = y.clone();
        graph.on_backward_update(before, &y, move |dev, _, mut g| {
            dev.relu_backward(&rectified, &mut g)?;
            Ok(g)
        });
    }
    Ok(y)
}

/// Multiplicative integration `x (1 + tanh h)`.
///
/// # Shapes
/// `x`, `h` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::Device`] where the device refuses.
pub fn gain<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    h: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (x, h) = (contiguous(x.clone(), graph)?, contiguous(h.clone(), graph)?);
    same_shape("multiplicative integration", &x, &h)?;
    let h = if id(&h) == id(&x) { copy(&h, graph)? } else { h };
    let y = x.device().gain(&x, &h).map_err(Error::device)?;
    if T::OWNS_TAPE {
        graph.on_backward(&y, move |dev, grads, gy| {
            let mut gx = take_grad(dev, grads.get_or_alloc_mut(&x)?)?;
            dev.gain_backward(&x, &h, &gy, &mut gx, grads.get_or_alloc_mut(&h)?)?;
            *grads.get_or_alloc_mut(&x)? = gx;
            Ok(())
        });
    }
    Ok(y)
}

/// The supralinear power `k sign(x) max(|x|, 1e-6)^n`, with `x` clamped to ±1e6 (the original's `SupraLinearity`,
/// `k = 0.8`): 0 at 0, and no gradient where `|x| < 1e-6` or beyond the clamp.
///
/// # Errors
/// [`Error::Setting`] where `k` or `n` is no number of the dtype; [`Error::Device`] where the device refuses.
pub fn supralinear<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    k: f64,
    n: f64,
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let number = |v: f64| E::from_f64(v).ok_or_else(|| Error::Setting(format!("supralinearity {v} is no number")));
    let (k, n) = (number(k)?, number(n)?);
    let x = contiguous(x.clone(), graph)?;
    let y = x.device().supralinear(k, n, &x).map_err(Error::device)?;
    if T::OWNS_TAPE {
        graph.on_backward(&y, move |dev, grads, gy| {
            let gx = grads.get_or_alloc_mut(&x)?;
            dev.supralinear_backward(k, n, &x, &gy, gx)
        });
    }
    Ok(y)
}

/// `weight x + bias` with one weight, and one bias if given, for all units (the original's `SelfConnection`); added to
/// `onto` where that is given, in place where nobody else holds it.
///
/// It is a convolution in which every channel has a kernel of that one weight.
///
/// # Shapes
/// `x`, `onto` and the result: `(B, C, H, W)`.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = ops::erase(dev.tensor([[[[1.0f32, -2.0]]]]))?;
/// let y = ops::scale_shift(&x, &dev.tensor(0.5), Some(&dev.tensor(3.0)), None, &mut Graph::new(NoneTape))?;
/// assert_eq!(y.as_vec(), [3.5, 2.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] where `onto` has other sizes than `x`; [`Error::Device`] where the device refuses.
pub fn scale_shift<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<(), E, D>,
    bias: Option<&Tensor<(), E, D>>,
    onto: Option<Maps<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (conv, weight, bias) = scaling(x.shape().1, weight, bias, graph)?;
    conv2d(&conv, x, &weight, bias.as_ref(), onto, graph)
}

/// A leaky step whose drive is [`scale_shift`], as [`conv2d_leaky`] has it.
///
/// # Shapes
/// Those of [`scale_shift`]; the state is of the shape of the result.
///
/// # Errors
/// Those of [`scale_shift`] and [`leaky`](super::leaky()).
///
/// ```
/// use dynvision::{autograd::Graph, ops::{self, Rate, Step}};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let h = ops::erase(dev.tensor([[[[1.0f32, -2.0]]]]))?;
/// let step = Step { rate: &Rate::fixed(0.5), h: Some(&h), relu: true };
/// let y = ops::scale_shift_leaky(&h, &dev.tensor(0.5), Some(&dev.tensor(3.0)), None, step, &mut Graph::new(NoneTape))?;
/// assert_eq!(y.as_vec(), [2.25, 0.0]); // half way from 1 to 3.5, and from -2 to 2
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn scale_shift_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<(), E, D>,
    bias: Option<&Tensor<(), E, D>>,
    onto: Option<Maps<E, D>>,
    step: Step<'_, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (conv, w, bias) = scaling(x.shape().1, weight, bias, graph)?;
    conv2d_leaky(Filter { conv: &conv, w: &w, bias: bias.as_ref() }, x, onto, step, graph)
}

/// A convolution that scales so many `channels` alike, with its weight and bias.
#[allow(clippy::type_complexity, reason = "a filter that is owned")]
fn scaling<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    channels: usize,
    weight: &Tensor<(), E, D>,
    bias: Option<&Tensor<(), E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<(Conv, Maps<E, D>, Option<Vector<E, D>>)> {
    let weight = of_channels(weight, channels, graph)?;
    let bias = bias.map(|bias| reshaped(of_channels(bias, channels, graph)?, &(channels,))).transpose()?;
    Ok((Conv::new(Window::POINT).grouped(channels), weight, bias))
}

/// One number for every channel, `(channels, 1, 1, 1)`: made once in an unroll.
fn of_channels<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    number: &Tensor<(), E, D>,
    channels: usize,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let make = |graph: &mut Graph<E, D, T>| {
        graph.run(number.clone(), |number| kernels::contiguous(number.try_broadcast_like(&(channels, 1, 1, 1))?))
    };
    let kept = graph.derived(number, make)?;
    // made for another map
    if kept.shape().0 == channels { Ok(kept) } else { make(graph) }
}

fn same_shape<E: Element, D: VisionDevice<E>>(what: &'static str, a: &Maps<E, D>, b: &Maps<E, D>) -> Result<()> {
    if a.shape() == b.shape() {
        return Ok(());
    }
    Err(Error::shape(what, &a.shape().concrete(), &b.shape().concrete()))
}
