//! Convolution.

use super::shape::{contiguous, copy};
use crate::autograd::{Depthwise, FrameKey, FrameOp, Graph, Made, id, take_grad};
use crate::error::{Error, Result};
use crate::geometry::{Border, Conv};
use crate::kernels::{self, Addend, Element, Maps, Sizes, Vector, VisionDevice};
use dfdx::prelude::*;

/// Cross-correlation `y[b,o,i,j] = bias[o] + sum over c,k,l of w[o,c,k,l] x[b, c, i s + k d - p, j s + l d - p]`, in
/// groups of channels; added to `onto` where that is given, in place where nobody else holds it.
///
/// # Shapes
/// `x: (B, I, H, W)`, `w: (O, I / groups, K, K)`, `bias: (O)`, `onto` and result `(B, O, H', W')` with
/// `H' = (H + 2 padding - dilation (K - 1) - 1) / stride + 1`.
///
/// # Errors
/// [`Error::Shape`] where channels do not fit the weight, or `onto` has another shape than the convolution;
/// [`Error::Setting`] where the window does not fit; [`Error::Device`] where the device refuses.
pub fn conv2d<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    onto: Option<Maps<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (conv, x, w) = (*conv, contiguous(x.clone(), graph)?, contiguous(w.clone(), graph)?);
    let bias = bias.map(|bias| graph.run(bias.clone(), kernels::contiguous)).transpose()?;
    let onto = onto.map(|onto| contiguous(onto, graph)).transpose()?;
    let sizes = check(&conv, &x, &w, bias.as_ref(), onto.as_ref())?;
    let w = if id(&w) == id(&x) { copy(&w, graph)? } else { w };
    let bias = match bias {
        Some(bias) if [id(&x), id(&w)].contains(&id(&bias)) => Some(graph.run(bias, |bias| bias.try_mul(E::ONE))?),
        bias => bias,
    };
    let cache = graph.weight_cache(&w);
    let before = onto.as_ref().and_then(|onto| graph.before(onto));
    let onto = match &onto {
        Some(kept) if graph.is_shared(kept) => Some(Addend::Borrowed(kept)),
        _ => onto.map(Addend::Owned),
    };
    let out = match onto {
        Some(Addend::Owned(_)) => None,
        _ => graph.spare(&sizes),
    };
    let y = x.device().conv2d(&conv, &x, &w, bias.as_ref(), &cache, onto, out).map_err(Error::device)?;
    if !T::OWNS_TAPE {
        graph.made(&y);
        return Ok(y);
    }
    let (to, kept, is_depthwise) = (*y.shape(), graph.kept(&x), conv.groups > 1 && w.shape().1 == 1);
    // not a chain of them, of which each would be made of the one before
    if is_depthwise && before.is_none() && !kept.is_depthwise() {
        let (of, weight, bias, cache) = (kept.clone(), w.clone(), bias.clone(), cache.clone());
        graph.make_again(&y, Made::Depthwise(Depthwise { conv, of, weight, bias, cache }));
    }
    let x = x.ghost();
    graph.on_backward_added(before, &y, move |dev, grads, gy| {
        // several gradients at once: take those of input and bias out, borrow that of the weight
        let mut gx = take_grad(dev, grads.get_or_alloc_mut(&x)?)?;
        let mut gb = match &bias {
            Some(bias) => Some(take_grad(dev, grads.get_or_alloc_mut(bias)?)?),
            None => None,
        };
        let gw = grads.get_or_alloc_mut(&w)?;
        let values = kept.values(dev)?;
        dev.conv2d_backward(&conv, &values, &w, &cache, to, gy, Some(&mut gx), gw, gb.as_mut(), true)?;
        kept.done(values);
        *grads.get_or_alloc_mut(&x)? = gx;
        if let (Some(bias), Some(gb)) = (&bias, gb) {
            *grads.get_or_alloc_mut(bias)? = gb;
        }
        Ok(())
    });
    Ok(y)
}

/// [`conv2d`] of a frame that may be shown at several steps: computed once in an unroll, forward and backward.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_once<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let op = FrameOp::Conv { conv: *conv, weight: id(w), bias: bias.map(id) };
    graph.once(FrameKey { frame: id(x), op }, |graph| conv2d(conv, x, w, bias, None, graph))
}

/// Checks the operands, and returns the sizes of the result.
fn check<E: Element, D: VisionDevice<E>>(
    conv: &Conv,
    x: &Maps<E, D>,
    w: &Maps<E, D>,
    bias: Option<&Vector<E, D>>,
    onto: Option<&Maps<E, D>>,
) -> Result<Sizes> {
    let ((b, i, h, wd), (o, per_group, k, l)) = (*x.shape(), *w.shape());
    let window = conv.window;
    let shape = |what, expected: &[usize], found: &[usize]| Err(Error::shape(what, expected, found));
    if conv.groups == 0 || per_group.checked_mul(conv.groups) != Some(i) || o % conv.groups != 0 {
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
    let [b, o, h, w] = to;
    Ok((b, o, h, w))
}
