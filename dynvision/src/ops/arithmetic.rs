//! Products, differences and squashing functions of maps: what gates and divisive circuits are written in.

use super::shape::{RunTimeSizes, contiguous, copy, countable, nothing, reshaped, vector};
use crate::autograd::{Graph, id};
use crate::error::{Error, Result};
use crate::kernels::{self, Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// A number in the dtype.
fn number<E: Element>(value: f64) -> Result<E> {
    E::from_f64(value).ok_or_else(|| Error::Setting(format!("{value} is no number of the dtype")))
}

/// Two maps of one shape and of different identity, which dfdx asks of its operands.
fn operands<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    what: &'static str,
    a: &Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<[Maps<E, D>; 2]> {
    if a.shape() != b.shape() {
        return Err(Error::shape(what, &a.shape().concrete(), &b.shape().concrete()));
    }
    if id(a) != id(b) {
        return Ok([a.clone(), b.clone()]);
    }
    let whole = contiguous(b.clone(), graph)?;
    Ok([a.clone(), copy(&whole, graph)?])
}

/// `a b`, unit by unit; `a` and `b` may be one tensor.
///
/// # Shapes
/// `a`, `b` and the result have one shape.
///
/// # Errors
/// [`Error::Shape`] where the shapes differ; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[3.0f64, -2.0]]]]))?;
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let y = ops::mul(&x, &x, &mut graph)?;
/// assert_eq!(y.as_vec(), [9.0, 4.0]);
/// let grads = graph.run(y, |y| y.try_sum::<Rank0, _>())?.put_tape(graph.tape).backward();
/// assert_eq!(grads.get(&x).as_vec(), [6.0, -4.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn mul<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: &Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let [a, b] = operands("product", a, b, graph)?;
    graph.run(a, |a| a.try_mul(b))
}

/// `a - b`, unit by unit; `a` and `b` may be one tensor.
///
/// # Shapes
/// As [`mul`].
///
/// # Errors
/// As [`mul`].
pub fn sub<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: &Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let [a, b] = operands("difference", a, b, graph)?;
    graph.run(a, |a| a.try_sub(b))
}

/// `a / b`, unit by unit; `a` and `b` may be one tensor.
///
/// # Shapes
/// As [`mul`].
///
/// # Errors
/// As [`mul`].
pub fn div<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    a: &Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let [a, b] = operands("quotient", a, b, graph)?;
    graph.run(a, |a| a.try_div(b))
}

/// `scale x + shift` with two numbers.
///
/// # Errors
/// [`Error::Setting`] where the dtype has no such number; [`Error::Device`] where the device refuses.
pub fn affine<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    scale: f64,
    x: &Maps<E, D>,
    shift: f64,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (scale, shift) = (number::<E>(scale)?, number::<E>(shift)?);
    graph.run(x.clone(), |x| if shift == E::zero() { x.try_mul(scale) } else { x.try_mul(scale)?.try_add(shift) })
}

/// The logistic function `1 / (1 + exp(-x))`.
///
/// # Errors
/// [`Error::Device`] where the device refuses.
pub fn sigmoid<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    graph.run(x.clone(), |x| x.try_sigmoid())
}

/// The hyperbolic tangent.
///
/// # Errors
/// [`Error::Device`] where the device refuses.
pub fn tanh<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    graph.run(x.clone(), |x| x.try_tanh())
}

/// `clamp(x, least, most)`; no gradient passes beyond the limits, and NaN stays NaN (on CUDA, dfdx 0.13's own makes a number
/// of it).
///
/// # Errors
/// [`Error::Device`] where the device refuses.
pub fn clamp<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    least: f64,
    most: f64,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    if x.shape().0 == 0 {
        return Ok(x.clone());
    }
    let x = contiguous(x.clone(), graph)?;
    let none = x.try_ne(&x).map_err(Error::device)?;
    let kept = x.retaped::<T>();
    graph.run(x, |x| none.try_choose(kept, x.try_clamp(least, most)?))
}

/// A mixture `gate a + (1 - gate) b`: how gated units keep and take up.
///
/// # Shapes
/// As [`mul`].
///
/// # Errors
/// As [`mul`].
pub fn mix<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    gate: &Maps<E, D>,
    a: &Maps<E, D>,
    b: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let kept = mul(gate, a, graph)?;
    let rest = affine(-1.0, gate, 1.0, graph)?;
    let taken = mul(&rest, b, graph)?;
    super::add(kept, &taken, graph)
}

/// The elements of `weight`, one for each channel `(C)`, for each unit `(C, H, W)` or for all `()`, spread over maps of the
/// sizes `to`, as a factor or a summand.
///
/// # Shapes
/// Result `to = (B, C, H, W)`.
///
/// # Errors
/// [`Error::Shape`] where `weight` has another number of elements; [`Error::Device`] where the device refuses.
pub fn spread<Z: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    weight: &Tensor<Z, E, D>,
    to: (usize, usize, usize, usize),
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (_, c, h, w) = to;
    countable("a weight spread over a map", &[c, h, w])?;
    if to.0 == 0 {
        return nothing(weight.device(), to);
    }
    let sizes: Vec<usize> = weight.shape().concrete().into_iter().collect();
    let len = weight.shape().num_elements();
    let weight = vector(weight, graph)?;
    if len == 1 {
        let one: Tensor<(), E, D> = graph.run(weight, |weight| weight.try_reshape_like(&()))?;
        return graph.run(one, |one| kernels::contiguous(one.try_broadcast_like(&to)?));
    }
    if len == c {
        return graph.run(weight, |weight| kernels::contiguous(weight.try_broadcast_like::<_, Axes3<0, 2, 3>>(&to)?));
    }
    if len == c * h * w {
        let units: Tensor<(usize, usize, usize), E, D> = reshaped(weight, &(c, h, w))?;
        return graph.run(units, |units| kernels::contiguous(units.try_broadcast_like::<_, Axis<0>>(&to)?));
    }
    Err(Error::shape("weight of a map (one for each unit, channel, or for all)", &[c, h, w], &sizes))
}

/// `weight x` with one weight for each channel `(C)`, for each unit `(C, H, W)`, or for all `()`.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`.
///
/// # Errors
/// As [`spread`].
pub fn scale<Z: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<Z, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let weight = spread(weight, *x.shape(), graph)?;
    mul(x, &weight, graph)
}

/// The sum over the units of each channel, weighted by one matrix for each channel: `y[b,c,p] = sum_q weight[c,p,q] x[b,c,q]`,
/// with positions `p`, `q` in the order of rows and columns. A surround within a channel.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`, `weight: (C, H W, H W)`, or with the places in rows and columns.
///
/// # Errors
/// [`Error::Shape`] where the weight has another number of elements; [`Error::Device`] where the device refuses.
pub fn within_channels<Z: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    weight: &Tensor<Z, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    if x.shape().0 == 0 {
        return Ok(x.clone());
    }
    let (b, c, h, w) = *x.shape();
    let sizes: Vec<usize> = weight.shape().concrete().into_iter().collect();
    if weight.shape().num_elements() != c * h * w * h * w {
        return Err(Error::shape("weights within the channels of a map", &[c, h * w, h * w], &sizes));
    }
    let weight: Tensor<(usize, usize, usize), E, D> = reshaped(vector(weight, graph)?, &(c, h * w, h * w))?;
    let weight = graph.run(weight, |weight| weight.try_permute::<_, Axes3<0, 2, 1>>()?.try_contiguous())?;
    let x: Tensor<(usize, usize, usize), E, D> = reshaped(contiguous(x.clone(), graph)?, &(b, c, h * w))?;
    let x = graph.run(x, |x| x.try_permute::<(usize, usize, usize), Axes3<1, 0, 2>>()?.try_contiguous())?;
    let y = graph.run(x, |x| x.try_matmul(weight))?;
    let y = graph.run(y, |y| y.try_permute::<(usize, usize, usize), Axes3<1, 0, 2>>()?.try_contiguous())?;
    reshaped(y, &(b, c, h, w))
}
