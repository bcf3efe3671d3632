//! From typed shapes to erased ones and back.

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::*;

/// A shape of feature maps: batch, channels, rows, columns.
pub trait MapShape: Shape<Concrete = [usize; 4]> {}
impl<S: Shape<Concrete = [usize; 4]>> MapShape for S {}

/// The maps with sizes known at run time only; contiguous, as kernels need them.
///
/// # Errors
/// What the device refuses when a view has to be copied.
pub fn erased<S: MapShape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    // erased before it is copied, so that the copy compiles once and not for each type of shape
    let x: Maps<E, D> = renamed("maps", x.clone())?;
    cx.run(x, |x| x.try_contiguous())
}

/// [`erased`] for vectors.
///
/// # Errors
/// What the device refuses when a view has to be copied.
pub(crate) fn erased_vector<S: Shape<Concrete = [usize; 1]>, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<(usize,), E, D>> {
    let x: Tensor<(usize,), E, D> = renamed("vector", x.clone())?;
    cx.run(x, |x| x.try_contiguous())
}

/// The same tensor under another type of the same sizes, a view too.
pub(crate) fn renamed<S: Shape, Y: Shape<Concrete = S::Concrete>, E: Dtype, D: Device<E>>(
    what: &'static str,
    x: Tensor<S, E, D>,
) -> Result<Tensor<Y, E, D>> {
    x.try_realize().map_err(|x| {
        let found: Vec<usize> = x.shape().concrete().into_iter().collect();
        Error::not_of::<Y>(what, &found)
    })
}

/// The maps, to be updated in place: given up by the caller, so that their buffer may have one owner; a copy of what the
/// unroll keeps for other steps.
///
/// # Errors
/// What the device refuses.
pub(crate) fn given_up<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let maps = erased(&x, cx)?;
    drop(x);
    if cx.keeps(&maps) { fork(&maps, cx) } else { Ok(maps) }
}

/// The maps with a typed shape again.
///
/// # Errors
/// [`Error::Shape`] if the sizes are not those of the type.
pub fn restored<Y: MapShape, E: Dtype, D: Device<E>>(what: &'static str, x: Maps<E, D>) -> Result<Tensor<Y, E, D>> {
    renamed(what, x)
}

/// Maps under another type of the same sizes; keeps data and identity.
///
/// # Errors
/// [`Error::Shape`] if the sizes are not those of the type.
pub fn retyped<S: MapShape, Y: MapShape, E: Dtype, D: Device<E>, T: Tape<E, D>>(
    what: &'static str,
    x: Tensor<S, E, D>,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>> {
    let maps = erased(&x, cx)?;
    drop(x); // so that the buffer has one owner
    restored(what, maps)
}

/// The same elements under another shape. A contiguous tensor keeps data and identity; a view is copied, which is not on
/// the tape, so call `try_contiguous` through [`Cx::run`] first where gradients are to pass.
///
/// # Errors
/// [`Error::Shape`] if the number of elements differs.
pub fn reshaped<S: Shape, Y: Shape, E: Dtype, D: Device<E>>(x: Tensor<S, E, D>, to: &Y) -> Result<Tensor<Y, E, D>> {
    if x.shape().num_elements() != to.num_elements() {
        let (expected, found): (Vec<_>, Vec<_>) =
            (to.concrete().into_iter().collect(), x.shape().concrete().into_iter().collect());
        return Err(Error::shape("reshaping", &expected, &found));
    }
    x.try_reshape_like(to).map_err(Error::device)
}

/// A tensor of its own with the elements of `x`, which stays as it is: to be updated in place, or because an operation
/// borrows the gradients of its operands side by side, and so they must be two.
pub(crate) fn fork<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let y: Maps<E, D> = x.device().try_zeros_like::<Sizes>(x.shape()).map_err(Error::device)?;
    let y = x.device().add(y, x).map_err(Error::device)?;
    let x = x.ghost();
    cx.on_backward(&y, move |dev, grads, gy| dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&x)?));
    Ok(y)
}
