//! Elementwise operations.

use super::conv::conv2d_onto;
use super::shape::{MapShape, erased, fork, given_up, reshaped, restored};
use crate::cx::{Cx, id};
use crate::error::{Error, Result};
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;
use std::mem;

/// `a + b`; updates `a` in place where nobody else holds it. Unlike dfdx's own sum, `a` and `b` may be one tensor.
///
/// # Shapes
/// `a`, `b` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; what the device refuses.
pub fn add<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: Tensor<S, E, D>,
    b: &Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    let (maps, b) = (given_up(a, cx)?, erased(b, cx)?);
    same_shape("sum", &maps, &b)?;
    restored("sum", add_maps(maps, b, cx)?)
}

fn add_maps<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: Maps<E, D>,
    b: Maps<E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let (a_id, a_ghost, b_ghost) = (id(&a), a.ghost(), b.ghost());
    let device = a.device().clone();
    let y = device.add(a, &b).map_err(Error::device)?;
    if id(&y) == a_id {
        cx.on_backward_in_place(&y, move |dev, grads, gy| {
            dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&b_ghost)?)?;
            Ok(gy)
        });
    } else {
        cx.on_backward(&y, move |dev, grads, gy| {
            dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&a_ghost)?)?;
            dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&b_ghost)?)
        });
    }
    Ok(y)
}

/// Rectification `max(x, 0)`; updates `x` in place where nobody else holds it.
///
/// # Errors
/// What the device refuses.
pub fn relu<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    let maps = given_up(x, cx)?;
    let (before, before_id, device) = (maps.ghost(), id(&maps), maps.device().clone());
    let y = device.relu(maps).map_err(Error::device)?;
    if T::OWNS_TAPE {
        let rectified = y.clone();
        if id(&y) == before_id {
            cx.on_backward_in_place(&y, move |dev, _, mut g| {
                dev.relu_backward(&rectified, &mut g)?;
                Ok(g)
            });
        } else {
            cx.on_backward(&y, move |dev, grads, mut g| {
                dev.relu_backward(&rectified, &mut g)?;
                dev.accumulate(E::ONE, &g, grads.get_or_alloc_mut(&before)?)
            });
        }
    }
    restored("rectification", y)
}

/// Multiplicative integration `x (1 + tanh h)`.
///
/// # Shapes
/// `x`, `h` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; what the device refuses.
pub fn gain<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    h: &Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    let (x, h) = (erased(x, cx)?, erased(h, cx)?);
    same_shape("multiplicative integration", &x, &h)?;
    let h = if id(&h) == id(&x) { fork(&h, cx)? } else { h };
    let y = x.device().gain(&x, &h).map_err(Error::device)?;
    if T::OWNS_TAPE {
        cx.on_backward(&y, move |dev, grads, gy| {
            let mut gx = mem::replace(grads.get_or_alloc_mut(&x)?, Storage::<E>::try_alloc_len(dev, 0)?);
            dev.gain_backward(&x, &h, &gy, &mut gx, grads.get_or_alloc_mut(&h)?)?;
            *grads.get_or_alloc_mut(&x)? = gx;
            Ok(())
        });
    }
    restored("multiplicative integration", y)
}

/// The supralinear power `k sign(x) max(|x|, 1e-6)^n`, with `x` clamped to ±1e6 (the original's `SupraLinearity`,
/// `k = 0.8`): 0 at 0, and no gradient where `|x| < 1e-6` or beyond the clamp.
///
/// # Errors
/// What the device refuses.
pub fn supralinear<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    k: f64,
    n: f64,
    x: &Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    let number = |v: f64| E::from_f64(v).ok_or_else(|| Error::Setting(format!("supralinearity {v} is no number")));
    let (k, n) = (number(k)?, number(n)?);
    let x = erased(x, cx)?;
    let y = x.device().supralinear(k, n, &x).map_err(Error::device)?;
    if T::OWNS_TAPE {
        cx.on_backward(&y, move |dev, grads, gy| {
            let gx = grads.get_or_alloc_mut(&x)?;
            dev.supralinear_backward(k, n, &x, &gy, gx)
        });
    }
    restored("supralinearity", y)
}

/// `weight x + bias` with one weight, and one bias if given, for all units (the original's `SelfConnection`).
///
/// # Shapes
/// `x` and the result: `(B, C, H, W)`.
///
/// ```
/// use dynvision::{cx::Cx, ops, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = dev.tensor([[[[1.0f32, -2.0]]]]);
/// let y = ops::scale_shift(&x, &dev.tensor(0.5), Some(&dev.tensor(3.0)), &mut Cx::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.array(), [[[[3.5, 2.0]]]]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
///
/// # Errors
/// What the device refuses.
pub fn scale_shift<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    weight: &Tensor<(), E, D>,
    bias: Option<&Tensor<(), E, D>>,
    cx: &mut Cx<T>,
) -> Result<Tensor<S, E, D>> {
    scale_shift_onto(x, weight, bias, None, cx)
}

/// [`scale_shift`], added to `onto` where that is given; in place where nobody else holds `onto`.
///
/// It is a convolution in which every channel has a kernel of that one weight.
///
/// # Shapes
/// `x`, `onto` and the result have the same sizes.
///
/// # Errors
/// As [`scale_shift`], and [`Error::Shape`] where `onto` has other sizes than `x`.
pub fn scale_shift_onto<X: MapShape, Y: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<X, E, D>,
    weight: &Tensor<(), E, D>,
    bias: Option<&Tensor<(), E, D>>,
    onto: Option<Tensor<Y, E, D>>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>> {
    let [_, channels, ..] = x.shape().concrete();
    let weight = of_channels(weight, channels, cx)?;
    let bias = bias.map(|bias| reshaped(of_channels(bias, channels, cx)?, &(channels,))).transpose()?;
    conv2d_onto(&Conv::new(Window::POINT).grouped(channels), x, &weight, bias.as_ref(), onto, cx)
}

/// One number for every channel, `(channels, 1, 1, 1)`: made once in an unroll.
fn of_channels<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    number: &Tensor<(), E, D>,
    channels: usize,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let make = |cx: &mut Cx<T>| {
        let all: Maps<E, D> = cx.run(number.clone(), |number| number.try_broadcast_like(&(channels, 1, 1, 1)))?;
        erased(&all, cx)
    };
    let kept = cx.derived(number, make)?;
    // made for another map
    if kept.shape().0 == channels { Ok(kept) } else { make(cx) }
}

fn same_shape<E: Element, D: VisionDevice<E>>(what: &'static str, a: &Maps<E, D>, b: &Maps<E, D>) -> Result<()> {
    if a.shape() == b.shape() {
        return Ok(());
    }
    Err(Error::shape(what, &a.shape().concrete(), &b.shape().concrete()))
}
