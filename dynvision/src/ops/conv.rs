//! Convolution.

use super::shape::{MapShape, erased, erased_vector, fork, restored, retyped};
use crate::cx::{By, Cx, Drive, id};
use crate::error::{Error, Result};
use crate::geometry::{Border, Conv};
use crate::kernels::{Addend, Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::*;
use std::mem;

/// Cross-correlation `y[b,o,i,j] = bias[o] + sum over c,k,l of w[o,c,k,l] x[b, c, i s + k d - p, j s + l d - p]`, in
/// groups of channels.
///
/// # Shapes
/// `x: (B, I, H, W)`, `w: (O, I / groups, K, K)`, `bias: (O)`, result `(B, O, H', W')` with
/// `H' = (H + 2 padding - dilation (K - 1) - 1) / stride + 1`.
///
/// # Errors
/// [`Error::Shape`] where channels do not fit the weight or the result is not `Y`; [`Error::Setting`] where the window
/// does not fit.
pub fn conv2d<X, W, S, Y, E, D, T>(
    conv: &Conv,
    x: &Tensor<X, E, D>,
    w: &Tensor<W, E, D>,
    bias: Option<&Tensor<S, E, D>>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>>
where
    X: MapShape,
    W: MapShape,
    S: Shape<Concrete = [usize; 1]>,
    Y: MapShape,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    conv2d_onto(conv, x, w, bias, None, cx)
}

/// [`conv2d`], added to `onto` where that is given; in place where nobody else holds `onto`.
///
/// # Errors
/// As [`conv2d`], and [`Error::Shape`] where `onto` has another shape than the convolution.
pub fn conv2d_onto<X, W, S, Y, E, D, T>(
    conv: &Conv,
    x: &Tensor<X, E, D>,
    w: &Tensor<W, E, D>,
    bias: Option<&Tensor<S, E, D>>,
    onto: Option<Tensor<Y, E, D>>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>>
where
    X: MapShape,
    W: MapShape,
    S: Shape<Concrete = [usize; 1]>,
    Y: MapShape,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let (x, w) = (erased(x, cx)?, erased(w, cx)?);
    let bias = bias.map(|bias| erased_vector(bias, cx)).transpose()?;
    let onto = match onto {
        Some(onto) => Some(retyped("what a convolution is added to", onto, cx)?),
        None => None,
    };
    restored("convolution", conv2d_maps(*conv, x, w, bias, onto, cx)?)
}

pub(crate) fn conv2d_maps<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    conv: Conv,
    x: Maps<E, D>,
    w: Maps<E, D>,
    bias: Option<Tensor<(usize,), E, D>>,
    onto: Option<Maps<E, D>>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    check(&conv, &x, &w, bias.as_ref(), onto.as_ref())?;
    let w = if id(&w) == id(&x) { fork(&w, cx)? } else { w };
    let bias = match bias {
        Some(bias) if [id(&x), id(&w)].contains(&id(&bias)) => Some(cx.run(bias, |bias| bias.try_mul(E::ONE))?),
        bias => bias,
    };
    let packs = cx.packs(&w);
    let before = onto.as_ref().map(|o| (id(o), o.ghost()));
    let onto = match &onto {
        Some(kept) if cx.keeps(kept) => Some(Addend::Borrowed(kept)),
        _ => onto.map(Addend::Owned),
    };
    let y = x.device().conv2d(&conv, &x, &w, bias.as_ref(), &packs, onto).map_err(Error::device)?;
    if !T::OWNS_TAPE {
        return Ok(y);
    }
    let to = *y.shape();
    let in_place = before.as_ref().is_some_and(|(before, _)| *before == id(&y));
    let back = move |dev: &D, grads: &mut Gradients<E, D>, gy: &<D as Storage<E>>::Vec| {
        // several gradients at once: take those of input and bias out, borrow that of the weight
        let mut gx = mem::replace(grads.get_or_alloc_mut(&x)?, Storage::<E>::try_alloc_len(dev, 0)?);
        let mut gb = match &bias {
            Some(b) => Some(mem::replace(grads.get_or_alloc_mut(b)?, Storage::<E>::try_alloc_len(dev, 0)?)),
            None => None,
        };
        let gw = grads.get_or_alloc_mut(&w)?;
        dev.conv2d_backward(&conv, &x, &w, &packs, to, gy, Some(&mut gx), gw, gb.as_mut(), true)?;
        *grads.get_or_alloc_mut(&x)? = gx;
        if let (Some(b), Some(gb)) = (&bias, gb) {
            *grads.get_or_alloc_mut(b)? = gb;
        }
        Ok(())
    };
    if in_place {
        cx.on_backward_in_place(&y, move |dev, grads, gy| {
            back(dev, grads, &gy)?;
            Ok(gy)
        });
    } else {
        cx.on_backward(&y, move |dev, grads, gy| {
            back(dev, grads, &gy)?;
            match before {
                Some((_, onto)) => dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&onto)?),
                None => Ok(()),
            }
        });
    }
    Ok(y)
}

fn check<E: Element, D: VisionDevice<E>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Tensor<(usize,), E, D>>,
    onto: Option<&Maps<E, D>>,
) -> Result<()> {
    let ((b, i, h, wd), (o, per_group, k, l)) = (*x.shape(), *w.shape());
    let window = conv.window;
    let shape = |what, expected: &[usize], found: &[usize]| Err(Error::shape(what, expected, found));
    if conv.groups == 0 || i != per_group * conv.groups || o % conv.groups != 0 {
        return shape(
            "weight of a convolution (out, in / groups, kernel, kernel)",
            &[o, i / conv.groups.max(1), k, l],
            &[o, per_group, k, l],
        );
    }
    if (k, l) != (window.kernel, window.kernel) {
        return shape("kernel of a convolution", &[window.kernel, window.kernel], &[k, l]);
    }
    let to = [b, o, window.output_len(h), window.output_len(wd)];
    if to[2] == 0 || to[3] == 0 {
        return Err(Error::Setting(format!(
            "a convolution of kernel {k} (stride {}, dilation {}) does not fit its input of {h}x{wd} padded by {}: stride \
             and dilation are at least 1, and the kernel reaches no further than the padded input",
            window.stride, window.dilation, window.padding
        )));
    }
    if conv.border == Border::Reflect && (window.padding >= h || window.padding >= wd) {
        return Err(Error::Setting(format!(
            "cannot mirror {} rows or columns of an input of {h}x{wd}",
            window.padding
        )));
    }
    if let Some(bias) = bias.filter(|bias| bias.shape().0 != o) {
        return shape("bias of a convolution", &[o], &[bias.shape().0]);
    }
    if let Some(onto) = onto.filter(|onto| onto.shape().concrete() != to) {
        return shape("what a convolution is added to", &to, &onto.shape().concrete());
    }
    Ok(())
}

/// [`conv2d`] of a frame that may be shown at several steps: computed once in an unroll, forward and backward.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_once<X, W, S, Y, E, D, T>(
    conv: &Conv,
    x: &Tensor<X, E, D>,
    w: &Tensor<W, E, D>,
    bias: Option<&Tensor<S, E, D>>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>>
where
    X: MapShape,
    W: MapShape,
    S: Shape<Concrete = [usize; 1]>,
    Y: MapShape,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let maps = erased(x, cx)?;
    let drive = Drive { frame: id(&maps), by: By::Conv { conv: *conv, weight: id(w), bias: bias.map(id) } };
    let y = cx.once(drive, |cx| {
        let y: Tensor<Sizes, E, D> = conv2d(conv, &maps, w, bias, cx)?;
        Ok(y)
    })?;
    restored("convolution", y)
}
