//! Nearest-neighbour resizing.

use super::shape::{MapShape, erased, given_up, restored};
use crate::cx::{Cx, id};
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// Nearest neighbour: row `i` of the result is row `floor(i H / H')` of `x`, columns likewise.
///
/// # Shapes
/// `(B, C, H, W)` to `to = (B, C, H', W')`.
///
/// # Errors
/// [`Error::Shape`] where batch or channels of `to` are not those of `x`; [`Error::Setting`] where `x` has no rows or
/// columns but `to` has.
pub fn resize<X: MapShape, Y: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<X, E, D>,
    to: Y,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>> {
    let sizes @ [b, c, h, w] = to.concrete();
    let x = erased(x, cx)?;
    if (x.shape().0, x.shape().1) != (b, c) {
        return Err(Error::shape("resizing (only rows and columns)", &sizes, &x.shape().concrete()));
    }
    restored("resizing", resize_maps(x, h, w, None, cx)?)
}

/// [`resize`], added to `onto`; in place where nobody else holds `onto`.
///
/// # Errors
/// As [`resize`].
pub fn resize_onto<X: MapShape, Y: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<X, E, D>,
    onto: Tensor<Y, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>> {
    let [b, _, h, w] = onto.shape().concrete();
    let (x, maps) = (erased(x, cx)?, given_up(onto, cx)?);
    if x.shape().0 != b || x.shape().1 != maps.shape().1 {
        return Err(Error::shape("resizing onto another map", &maps.shape().concrete(), &x.shape().concrete()));
    }
    restored("resizing", resize_maps(x, h, w, Some(maps), cx)?)
}

fn resize_maps<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Maps<E, D>,
    height: usize,
    width: usize,
    onto: Option<Maps<E, D>>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let (b, c, h, w) = *x.shape();
    if onto.is_none() && (h, w) == (height, width) {
        return Ok(x);
    }
    if h * w == 0 && height * width > 0 {
        return Err(Error::Setting(format!("cannot resize an empty map of {h}x{w} to {height}x{width}")));
    }
    let before = onto.as_ref().map(|onto| (id(onto), onto.ghost()));
    let y = x.device().resize(&x, height, width, onto).map_err(Error::device)?;
    let (from, to, x) = ((b, c, h, w), *y.shape(), x.ghost());
    match before {
        Some((before, _)) if before == id(&y) => cx.on_backward_in_place(&y, move |dev, grads, gy| {
            dev.resize_backward(from, to, &gy, grads.get_or_alloc_mut(&x)?)?;
            Ok(gy)
        }),
        before => cx.on_backward(&y, move |dev, grads, gy| {
            dev.resize_backward(from, to, &gy, grads.get_or_alloc_mut(&x)?)?;
            match before {
                Some((_, onto)) => dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&onto)?),
                None => Ok(()),
            }
        }),
    }
    Ok(y)
}
