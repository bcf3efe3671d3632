//! Every operation composed of dfdx's own differentiable operations, for any device.
//!
//! What these functions do is what the kernel traits say, by other means than the kernels of the CPU: forward, values
//! are gathered by tables of indices and summed by matrix products and reductions; backward, the same composition runs
//! on a tape of its own (`adjoint`), so no gradient is written down here. They are what CUDA runs, and the second
//! implementation that tests compare the kernels of the CPU with.
//!
//! The tensors of one call have different identities, and sizes that fit each other: the operations see to both.

use super::{Buffer, Element, Maps, Moments, Onto, Sizes};
use crate::geometry::{Border, Conv, Over, Window};
use dfdx::prelude::*;
use std::mem;

type Traced<S, E, D> = Tensor<S, E, D, OwnedTape<E, D>>;

/// Adds to the gradients beside `inputs` what `gy`, the gradient of what `f` makes of them, passes back through `f`,
/// which makes a tensor with an identity of its own.
fn adjoint<const N: usize, S: Shape, Y: Shape, E: Element, D: Device<E>>(
    inputs: [(&Tensor<S, E, D>, &mut Buffer<E, D>); N],
    gy: Buffer<E, D>,
    f: impl FnOnce([Traced<S, E, D>; N]) -> Result<Traced<Y, E, D>, D::Err>,
) -> Result<(), D::Err> {
    let (y, mut tape) = f(inputs.each_ref().map(|(x, _)| x.retaped()))?.split_tape();
    let mut given = Gradients::leaky();
    let mut inputs = inputs.map(|(x, gx)| (x.ghost(), gx));
    for (x, gx) in &mut inputs {
        mem::swap(given.get_or_alloc_mut(x)?, *gx);
    }
    let device = y.device().clone();
    tape.add_backward_op(move |grads| {
        *given.get_or_alloc_mut(&y)? = gy;
        *grads = given;
        Ok(())
    });
    // dfdx starts from a single number; the operation above runs next, and puts our gradients in place
    let start: Tensor<(), E, D> = device.try_zeros_like(&())?;
    let mut grads = start.put_tape(tape).try_backward()?;
    for (x, gx) in inputs {
        mem::swap(grads.get_or_alloc_mut(&x)?, gx);
    }
    Ok(())
}

/// The value of each plane of `x` that stands at each index of `from`, and `beyond` where there is none.
fn sample<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<Sizes, E, D, T>,
    beyond: E,
    from: Vec<Option<usize>>,
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let ((b, c, h, w), dev) = (*x.shape(), x.device().clone());
    let (planes, units, len) = (b * c, h * w, from.len());
    let edge: Tensor<(usize, usize), E, D> = dev.try_zeros_like(&(planes, 1))?.try_add(beyond)?;
    let from = from.into_iter().map(|from| from.unwrap_or(units)).collect();
    let from: Tensor<(usize,), usize, D> = dev.try_tensor_from_vec(from, (len,))?;
    let x = (x.try_reshape_like(&(planes, units))?, edge).try_concat_along(Axis::<1>)?;
    x.try_gather(from.try_broadcast_like::<_, Axis<0>>(&(planes, len))?)
}

/// Tap by tap, place by place: where in a plane of `h` rows and `w` columns a window reads.
fn taps(window: Window, border: Border, [h, w]: [usize; 2]) -> Vec<Option<usize>> {
    let along = |place: usize, tap: usize, dim: usize| {
        let at = place * window.stride + tap * window.dilation;
        match (at.checked_sub(window.padding), border) {
            (Some(at), _) if at < dim => Some(at),
            (Some(at), Border::Reflect) => Some(2 * (dim - 1) - at),
            (None, Border::Reflect) => Some(window.padding - at),
            (_, Border::Zero) => None,
        }
    };
    let (rows, columns, k) = (window.places(h), window.places(w), window.kernel);
    let at =
        |tap: usize, place: usize| Some(along(place / columns, tap / k, h)? * w + along(place % columns, tap % k, w)?);
    (0..k * k).flat_map(|tap| (0..rows * columns).map(move |place| at(tap, place))).collect()
}

/// What the taps of `window` read: `(planes, taps, places)`.
fn windows<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: Window,
    border: Border,
    beyond: E,
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, D::Err> {
    let (b, c, h, w) = *x.shape();
    let read = sample(x, beyond, taps(window, border, [h, w]))?;
    read.try_reshape_like(&(b * c, window.kernel * window.kernel, window.places(h) * window.places(w)))
}

/// The maps that a window makes of maps of `sizes`.
fn made(window: Window, (b, c, h, w): Sizes) -> Sizes {
    (b, c, window.places(h), window.places(w))
}

/// Each group's weight, a matrix, times what its windows read.
fn convolved<E: Element, D: Device<E>, T: Tape<E, D>>(
    conv: &Conv,
    x: Tensor<Sizes, E, D, T>,
    w: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let ((b, _, rows, columns), (o, per_group, k, _)) = (made(conv.window, *x.shape()), *w.shape());
    let (places, groups, depth) = (rows * columns, conv.groups, per_group * k * k);
    let w = w.try_reshape_like(&(groups, o / groups, depth))?;
    let read = windows(conv.window, conv.border, E::default(), x)?
        .try_reshape_like(&(b, groups, depth, places))?
        .try_permute::<_, Axes4<1, 2, 0, 3>>()?
        .try_reshape_like(&(groups, depth, b * places))?;
    w.try_matmul(read)?
        .try_reshape_like(&(o, b, places))?
        .try_permute::<_, Axes3<1, 0, 2>>()?
        .try_reshape_like(&(b, o, rows, columns))
}

/// `y` and one number more for every channel.
fn shifted<E: Element, D: Device<E>, T: Tape<E, D>>(
    bias: Tensor<(usize,), E, D, T>,
    y: Maps<E, D>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    bias.try_broadcast_like::<_, Axes3<0, 2, 3>>(&y)?.try_add(y)
}

pub fn conv2d<E: Element, D: Device<E>>(
    _: &D,
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Tensor<(usize,), E, D>>,
    _: &(),
    onto: Option<Onto<'_, E, D>>,
) -> Result<Maps<E, D>, D::Err> {
    let y = convolved(conv, x.clone(), w.clone())?;
    let y = if let Some(bias) = bias { shifted(bias.clone(), y)? } else { y };
    match onto {
        None => Ok(y),
        Some(Onto::Own(onto)) => onto.try_add(y),
        Some(Onto::Kept(onto)) => onto.clone().try_add(y),
    }
}

#[allow(clippy::too_many_arguments)] // as in the trait
pub fn conv2d_backward<E: Element, D: Device<E>>(
    dev: &D,
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    _: &(),
    y: Sizes,
    gy: &Buffer<E, D>,
    gx: Option<&mut Buffer<E, D>>,
    gw: &mut Buffer<E, D>,
    gb: Option<&mut Buffer<E, D>>,
    _: bool,
) -> Result<(), D::Err> {
    if let Some(gb) = gb {
        let (bias, y) = (dev.try_zeros_like(&(y.1,))?, dev.try_zeros_like(&y)?);
        adjoint([(&bias, gb)], gy.clone(), |[bias]| shifted(bias, y))?;
    }
    match gx {
        Some(gx) => adjoint([(x, gx), (w, gw)], gy.clone(), |[x, w]| convolved(conv, x, w)),
        None => adjoint([(w, gw)], gy.clone(), |[w]| convolved(conv, x.retaped(), w)),
    }
}

pub fn conv2d_collect<E: Element, D: Device<E>>(_: &D, _: &(), _: &mut Buffer<E, D>) -> Result<(), D::Err> {
    Ok(()) // nothing is gathered
}

/// One-hot over the taps of each place: which tap is the first of the largest.
pub type Chosen<D> = Tensor<(usize, usize, usize), bool, D>;

pub fn max_pool2d<E: Element, D: Device<E>>(
    dev: &D,
    window: Window,
    x: &Maps<E, D>,
    keep: bool,
) -> Result<(Maps<E, D>, Option<Chosen<D>>), D::Err> {
    let read = windows(window, Border::Zero, E::neg_infinity(), x.clone())?;
    let sizes = *read.shape();
    let largest = read.clone().try_max::<(usize, usize), Axis<1>>()?;
    // a maximum passes over NaN, which must not get lost
    let zeros: Tensor<_, E, D> = dev.try_zeros_like(&sizes)?;
    let nan = read.try_ne(&read)?.try_choose(read.clone(), zeros)?.try_sum::<(usize, usize), Axis<1>>()?;
    let y = largest.clone().try_add(nan)?.try_reshape_like(&made(window, *x.shape()))?;
    if !keep {
        return Ok((y, None));
    }
    let numbers = (0..sizes.1).map(|tap| E::from_usize(tap).unwrap_or_default()).collect();
    let tap: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(numbers, (sizes.1,))?;
    let tap = tap.try_broadcast_like::<_, Axes2<0, 2>>(&sizes)?;
    let none: Tensor<_, E, D> = dev.try_zeros_like(&sizes)?.try_add(E::infinity())?;
    let is_largest = read.try_ge(&largest.try_broadcast_like::<_, Axis<1>>(&sizes)?)?;
    let first = is_largest.try_choose(tap.clone(), none)?.try_min::<(usize, usize), Axis<1>>()?;
    let chosen = tap.try_eq(&first.try_broadcast_like::<_, Axis<1>>(&sizes)?)?;
    Ok((y, Some(chosen)))
}

pub fn max_pool2d_backward<E: Element, D: Device<E>>(
    dev: &D,
    window: Window,
    x: &Maps<E, D>,
    chosen: &Chosen<D>,
    _: Sizes,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    let zeros: Tensor<_, E, D> = dev.try_zeros_like(chosen.shape())?;
    adjoint([(x, gx)], gy.clone(), |[x]| {
        let read = windows(window, Border::Zero, E::default(), x)?;
        chosen.clone().try_choose(read, zeros)?.try_sum::<(usize, usize), Axis<1>>()
    })
}

fn mean<E: Element, D: Device<E>, T: Tape<E, D>>(
    window: Window,
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let sizes = made(window, *x.shape());
    let read = windows(window, Border::Zero, E::default(), x)?;
    read.try_mean::<(usize, usize), Axis<1>>()?.try_reshape_like(&sizes)
}

pub fn avg_pool2d<E: Element, D: Device<E>>(_: &D, window: Window, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
    mean(window, x.clone())
}

pub fn avg_pool2d_backward<E: Element, D: Device<E>>(
    dev: &D,
    window: Window,
    x: Sizes,
    _: Sizes,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| mean(window, x))
}

pub fn global_avg<E: Element, D: Device<E>>(_: &D, x: &Maps<E, D>) -> Result<Tensor<(usize, usize), E, D>, D::Err> {
    x.clone().try_mean::<_, Axes2<2, 3>>()
}

pub fn global_avg_backward<E: Element, D: Device<E>>(
    dev: &D,
    x: Sizes,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| x.try_mean::<(usize, usize), Axes2<2, 3>>())
}

fn resized<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<Sizes, E, D, T>,
    height: usize,
    width: usize,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let (b, c, h, w) = *x.shape();
    let from = (0..height * width).map(|to| Some(to / width * h / height * w + to % width * w / width)).collect();
    sample(x, E::default(), from)?.try_reshape_like(&(b, c, height, width))
}

pub fn resize<E: Element, D: Device<E>>(
    _: &D,
    x: &Maps<E, D>,
    height: usize,
    width: usize,
    onto: Option<Maps<E, D>>,
) -> Result<Maps<E, D>, D::Err> {
    let y = resized(x.clone(), height, width)?;
    if let Some(onto) = onto { onto.try_add(y) } else { Ok(y) }
}

pub fn resize_backward<E: Element, D: Device<E>>(
    dev: &D,
    x: Sizes,
    y: Sizes,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| resized(x, y.2, y.3))
}

/// `x`, and zero where `by` is not positive; NaN stays NaN.
fn rectified<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    by: &Tensor<S, E, D>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    let zeros: Tensor<S, E, D> = x.device().try_zeros_like(x.shape())?;
    by.try_le(E::default())?.try_choose(zeros.retaped(), x)
}

fn stepped<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
    rate: E,
    x: Tensor<S, E, D, T>,
    h: Option<Tensor<S, E, D, T>>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    match h {
        Some(h) => x.try_sub(h.retaped::<T>())?.try_mul(rate)?.try_add(h),
        None => x.try_mul(rate),
    }
}

pub fn leaky<E: Element, D: Device<E>>(
    _: &D,
    rate: E,
    x: Maps<E, D>,
    h: Option<&Maps<E, D>>,
    relu: bool,
) -> Result<Maps<E, D>, D::Err> {
    let y = stepped(rate, x, h.cloned())?;
    if relu { rectified(y.clone(), &y) } else { Ok(y) }
}

pub fn leaky_backward<E: Element, D: Device<E>>(
    dev: &D,
    rate: E,
    y: Option<&Maps<E, D>>,
    g: &mut Buffer<E, D>,
    gh: Option<&mut Buffer<E, D>>,
) -> Result<(), D::Err> {
    let len = Storage::<E>::len(dev, g);
    let y = y.map(|y| y.clone().try_reshape_like(&(len,))).transpose()?;
    let passed = |step: Traced<(usize,), E, D>| match &y {
        Some(y) => rectified(step, y),
        None => Ok(step),
    };
    let gy = mem::replace(g, Storage::<E>::try_alloc_len(dev, len)?);
    // the step is linear, so its gradients are the same everywhere
    let (x, h) = (dev.try_zeros_like(&(len,))?, dev.try_zeros_like(&(len,))?);
    match gh {
        Some(gh) => adjoint([(&x, g), (&h, gh)], gy, |[x, h]| passed(stepped(rate, x, Some(h))?)),
        None => adjoint([(&x, g)], gy, |[x]| passed(stepped(rate, x, None)?)),
    }
}

#[allow(clippy::too_many_arguments)] // as in the trait
pub fn leaky_backward_rate<E: Element, D: Device<E>>(
    dev: &D,
    scale: E,
    x: &Maps<E, D>,
    h: Option<&Maps<E, D>>,
    y: Option<&Maps<E, D>>,
    gy: &Buffer<E, D>,
    grate: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    let by_rate = if let Some(h) = h { x.clone().try_sub(h.clone())? } else { x.clone() };
    let rate: Tensor<(), E, D> = dev.try_zeros_like(&())?; // linear again
    adjoint([(&rate, grate)], gy.clone(), |[rate]| {
        let rate = rate.try_mul(scale)?.try_broadcast_like::<_, Axes4<0, 1, 2, 3>>(x)?;
        let step = rate.try_mul(by_rate)?;
        if let Some(y) = y { rectified(step, y) } else { Ok(step) }
    })
}

pub fn add<E: Element, D: Device<E>>(_: &D, y: Maps<E, D>, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
    y.try_add(x.clone())
}

pub fn accumulate<E: Element, D: Device<E>>(
    dev: &D,
    scale: E,
    from: &Buffer<E, D>,
    into: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    let x = dev.try_zeros_like(&(Storage::<E>::len(dev, from),))?;
    adjoint([(&x, into)], from.clone(), |[x]| x.try_mul(scale))
}

pub fn relu<E: Element, D: Device<E>>(_: &D, x: Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
    rectified(x.clone(), &x)
}

pub fn relu_backward<E: Element, D: Device<E>>(dev: &D, y: &Maps<E, D>, g: &mut Buffer<E, D>) -> Result<(), D::Err> {
    let gy = mem::replace(g, Storage::<E>::try_alloc_len(dev, y.shape().num_elements())?);
    adjoint([(&dev.try_zeros_like(y.shape())?, g)], gy, |[x]| rectified(x, y))
}

fn gained<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<Sizes, E, D, T>,
    h: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    x.try_mul(h.try_tanh()?.try_add(E::ONE)?)
}

pub fn gain<E: Element, D: Device<E>>(_: &D, x: &Maps<E, D>, h: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
    gained(x.clone(), h.clone())
}

pub fn gain_backward<E: Element, D: Device<E>>(
    _: &D,
    x: &Maps<E, D>,
    h: &Maps<E, D>,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
    gh: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(x, gx), (h, gh)], gy.clone(), |[x, h]| gained(x, h))
}

fn powered<E: Element, D: Device<E>, T: Tape<E, D>>(
    k: E,
    n: E,
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let (dev, zero) = (x.device(), E::default());
    let zeros: Tensor<Sizes, E, D> = dev.try_zeros_like(x.shape())?;
    let (plus, minus) = (zeros.clone().try_add(k)?, zeros.clone().try_sub(k)?);
    let sign = x.try_lt(zero)?.try_choose(minus, plus)?;
    let sign = x.try_eq(zero)?.try_choose(zeros, sign)?;
    x.try_abs()?.try_clamp(1e-6, 1e6)?.try_powf(n.wide())?.try_mul(sign)
}

pub fn supralinear<E: Element, D: Device<E>>(_: &D, k: E, n: E, x: &Maps<E, D>) -> Result<Maps<E, D>, D::Err> {
    powered(k, n, x.clone())
}

pub fn supralinear_backward<E: Element, D: Device<E>>(
    _: &D,
    k: E,
    n: E,
    x: &Maps<E, D>,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(x, gx)], gy.clone(), |[x]| powered(k, n, x))
}

/// `y[i] + bias[i / run % len]`.
fn biased<E: Element, D: Device<E>, T: Tape<E, D>>(
    bias: Tensor<(usize,), E, D, T>,
    run: usize,
    y: Maps<E, D>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let (to, len) = (*y.shape(), bias.shape().0);
    let pattern = (to.num_elements() / (len * run), len, run);
    let bias = bias.try_broadcast_like::<_, Axes2<0, 2>>(&pattern)?;
    bias.try_add(y.try_reshape_like(&pattern)?)?.try_reshape_like(&to)
}

pub fn add_bias<E: Element, D: Device<E>>(
    _: &D,
    y: Maps<E, D>,
    bias: &Tensor<(usize,), E, D>,
    run: usize,
) -> Result<Maps<E, D>, D::Err> {
    biased(bias.clone(), run, y)
}

pub fn add_bias_backward<E: Element, D: Device<E>>(
    dev: &D,
    len: usize,
    run: usize,
    y: Sizes,
    gy: &Buffer<E, D>,
    gb: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    let y = dev.try_zeros_like(&y)?;
    adjoint([(&dev.try_zeros_like(&(len,))?, gb)], gy.clone(), |[bias]| biased(bias, run, y))
}

/// The units of each block of a normalisation, behind each other.
fn blocked<E: Element, D: Device<E>, T: Tape<E, D>>(
    over: Over,
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let (b, c, h, w) = *x.shape();
    let blocks = over.blocks(b, c);
    let x = match over {
        Over::Groups(_) => x,
        Over::Batch => x.try_permute::<_, Axes4<1, 0, 2, 3>>()?,
    };
    x.try_reshape_like(&(blocks, b * c * h * w / blocks))
}

/// The way back from [`blocked`].
fn unblocked<E: Element, D: Device<E>, T: Tape<E, D>>(
    over: Over,
    x: Tensor<(usize, usize), E, D, T>,
    to @ (b, c, h, w): Sizes,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    match over {
        Over::Groups(_) => x.try_reshape_like(&to),
        Over::Batch => x.try_reshape_like(&(c, b, h, w))?.try_permute::<Sizes, Axes4<1, 0, 2, 3>>()?.try_contiguous(),
    }
}

/// Mean and variance of each row.
fn moments_of<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
) -> Result<[Tensor<(usize,), E, D, T>; 2], D::Err> {
    let sizes = *x.shape();
    let mean = x.retaped::<T>().try_mean::<(usize,), Axis<1>>()?;
    let off = x.try_sub(mean.retaped::<T>().try_broadcast_like::<_, Axis<1>>(&sizes)?)?;
    Ok([mean, off.try_square()?.try_mean::<(usize,), Axis<1>>()?])
}

fn scaled<E: Element, D: Device<E>, T: Tape<E, D>>(
    eps: f64,
    x: Tensor<(usize, usize), E, D, T>,
    [mean, variance]: [Tensor<(usize,), E, D, T>; 2],
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let sizes = *x.shape();
    let deviation = variance.try_add(E::narrow(eps))?.try_sqrt()?;
    x.try_sub(mean.try_broadcast_like::<_, Axis<1>>(&sizes)?)?
        .try_div(deviation.try_broadcast_like::<_, Axis<1>>(&sizes)?)
}

/// `w[c] x + b[c]`.
fn affine<E: Element, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<Sizes, E, D, T>,
    w: Tensor<(usize,), E, D, T>,
    b: Tensor<(usize,), E, D, T>,
) -> Result<Tensor<Sizes, E, D, T>, D::Err> {
    let sizes = *x.shape();
    x.try_mul(w.try_broadcast_like::<_, Axes3<0, 2, 3>>(&sizes)?)?
        .try_add(b.try_broadcast_like::<_, Axes3<0, 2, 3>>(&sizes)?)
}

pub fn moments<E: Element, D: Device<E>>(_: &D, over: Over, x: &Maps<E, D>) -> Result<Moments<E, D>, D::Err> {
    let [mean, variance] = moments_of(blocked(over, x.clone())?)?;
    Ok(Moments { mean, variance })
}

pub fn normalize<E: Element, D: Device<E>>(
    _: &D,
    over: Over,
    eps: f64,
    x: &Maps<E, D>,
    moments: &Moments<E, D>,
    w: &Tensor<(usize,), E, D>,
    b: &Tensor<(usize,), E, D>,
) -> Result<Maps<E, D>, D::Err> {
    let moments = [moments.mean.clone(), moments.variance.clone()];
    let y = scaled(eps, blocked(over, x.clone())?, moments)?;
    affine(unblocked(over, y, *x.shape())?, w.clone(), b.clone())
}

#[allow(clippy::too_many_arguments)] // as in the trait
pub fn normalize_backward<E: Element, D: Device<E>>(
    dev: &D,
    over: Over,
    eps: f64,
    x: &Maps<E, D>,
    moments: &Moments<E, D>,
    w: &Tensor<(usize,), E, D>,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
    gw: &mut Buffer<E, D>,
    gb: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    let zeros: Tensor<(usize,), E, D> = dev.try_zeros_like(w.shape())?;
    let given = [moments.mean.clone(), moments.variance.clone()];
    let normal = unblocked(over, scaled(eps, blocked(over, x.clone())?, given)?, *x.shape())?;
    adjoint([(w, gw), (&zeros, gb)], gy.clone(), |[w, b]| affine(normal.retaped(), w, b))?;
    adjoint([(x, gx)], gy.clone(), |[x]| {
        let (to, x) = (*x.shape(), blocked(over, x)?);
        // x reaches the result beside its moments, and through them
        let moments = moments_of(x.retaped())?;
        affine(unblocked(over, scaled(eps, x, moments)?, to)?, w.retaped(), zeros.retaped())
    })
}

/// Each sample as one plane, from which units are picked.
fn picked<E: Element, D: Device<E>, T: Tape<E, D>>(
    index: &[u32],
    x: Tensor<Sizes, E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, D::Err> {
    let (b, c, h, w) = *x.shape();
    let from = index.iter().map(|&unit| Some(unit as usize)).collect();
    sample(x.try_reshape_like(&(b, 1, c * h * w, 1))?, E::default(), from)
}

pub fn gather<E: Element, D: Device<E>>(_: &D, index: &[u32], x: &Maps<E, D>, y: Sizes) -> Result<Maps<E, D>, D::Err> {
    picked(index, x.clone())?.try_reshape_like(&y)
}

pub fn gather_backward<E: Element, D: Device<E>>(
    dev: &D,
    index: &[u32],
    x: Sizes,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    adjoint([(&dev.try_zeros_like(&x)?, gx)], gy.clone(), |[x]| picked(index, x))
}

pub fn stack_time<X: Shape, Y: Shape, E: Element, D: Device<E>>(
    dev: &D,
    first: usize,
    steps: &[Tensor<X, E, D>],
    y: Y,
) -> Result<Tensor<Y, E, D>, D::Err> {
    let batch = y.concrete()[0];
    let len = steps.first().map_or(0, |x| x.shape().num_elements() / batch.max(1));
    let before: Tensor<(usize, usize), E, D> = dev.try_zeros_like(&(batch, len))?;
    let mut all = vec![before; first];
    for step in steps {
        all.push(step.clone().try_reshape_like(&(batch, len))?);
    }
    all.try_stack()?.try_permute::<_, Axes3<1, 0, 2>>()?.try_reshape_like(&y)
}

pub fn unstack_time<E: Element, D: Device<E>>(
    dev: &D,
    [batch, time, len]: [usize; 3],
    step: usize,
    gy: &Buffer<E, D>,
    gx: &mut Buffer<E, D>,
) -> Result<(), D::Err> {
    // a step among zeros is that step of the stack, and so is its gradient
    let from = (0..time * len).map(|at| (at / len == step).then_some(at % len)).collect();
    adjoint([(&dev.try_zeros_like(&(batch, 1, len, 1))?, gx)], gy.clone(), |[x]| sample(x, E::default(), from))
}
