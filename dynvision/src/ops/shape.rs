//! From typed shapes to sizes known at run time, and back.

use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{self, Element, Maps, Matrix, Sizes, Vector, VisionDevice};
use dfdx::prelude::*;

/// A shape of feature maps: batch, channels, rows, columns.
pub trait MapShape: Shape<Concrete = [usize; 4]> {}
impl<S: Shape<Concrete = [usize; 4]>> MapShape for S {}

/// Returns a tensor of feature maps with its sizes known at run time only; keeps data and identity.
///
/// # Errors
/// None for any shape of four dimensions.
pub fn erase<S: MapShape, E: Dtype, D: Device<E>>(x: Tensor<S, E, D>) -> Result<Maps<E, D>> {
    realized("maps", x)
}

/// The sizes of a shape, as those of one that is known at run time only: what is compiled for that one serves all shapes of
/// as many axes.
///
/// ```
/// use dynvision::ops::RunTimeSizes;
/// use dfdx::prelude::*;
/// fn erased<S: Shape<Concrete: RunTimeSizes>>(shape: S) -> Option<<S::Concrete as RunTimeSizes>::Shape> {
///     Shape::from_concrete(&shape.concrete())
/// }
/// let (rows, columns): (usize, usize) = erased((Const::<3>, 5)).unwrap();
/// assert_eq!((rows, columns), (3, 5));
/// ```
pub trait RunTimeSizes: Sized {
    /// The shape that has these sizes.
    type Shape: Shape<Concrete = Self>;
}
macro_rules! run_time_sizes {
    ($($axes:literal: ($($size:ty),*);)*) => { $(impl RunTimeSizes for [usize; $axes] { type Shape = ($($size,)*); })* };
}
run_time_sizes! {
    0: (); 1: (usize); 2: (usize, usize); 3: (usize, usize, usize); 4: (usize, usize, usize, usize);
    5: (usize, usize, usize, usize, usize); 6: (usize, usize, usize, usize, usize, usize);
}

/// Returns a tensor in one piece, with its sizes known at run time only.
pub(crate) fn whole<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<<S::Concrete as RunTimeSizes>::Shape, E, D>> {
    graph.run(realized("tensor", x.clone())?, kernels::contiguous)
}

/// Returns maps under a typed shape; keeps data and identity.
///
/// # Errors
/// [`Error::Shape`] if the sizes are not those of the type.
pub fn restore<Y: MapShape, E: Dtype, D: Device<E>>(what: &'static str, x: Maps<E, D>) -> Result<Tensor<Y, E, D>> {
    realized(what, x)
}

/// Refuses a map of more units than an index of 32 bits counts, before anything is made of its size: sizes that a call merely
/// states are multiplied nowhere else.
pub(crate) fn countable(what: &'static str, sizes: &[usize]) -> Result<usize> {
    let units = sizes.iter().try_fold(1_usize, |units, &size| units.checked_mul(size));
    units.filter(|&units| u32::try_from(units).is_ok()).ok_or_else(|| {
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        Error::Setting(format!("{what} of {}: a map has at most {} units", sizes.join("x"), u32::MAX))
    })
}

/// Maps of no image, which dfdx 0.13 cannot iterate over.
pub(super) fn nothing<E: Element, D: VisionDevice<E>>(
    device: &D,
    sizes: (usize, usize, usize, usize),
) -> Result<Maps<E, D>> {
    device.try_zeros_like(&sizes).map_err(Error::device)
}

/// Returns the same tensor under another type of the same sizes, a view too.
pub(crate) fn realized<S: Shape, Y: Shape<Concrete = S::Concrete>, E: Dtype, D: Device<E>>(
    what: &'static str,
    x: Tensor<S, E, D>,
) -> Result<Tensor<Y, E, D>> {
    x.try_realize().map_err(|x| {
        let found: Vec<usize> = x.shape().concrete().into_iter().collect();
        Error::not_of::<Y>(what, &found)
    })
}

/// Returns the tensor in one piece, as kernels need it: a view is copied, and its gradient finds the way back. (dfdx 0.13's own
/// `contiguous` passes the gradient of a broadcast tensor back only in part on CUDA.)
///
/// # Errors
/// [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = Cpu::default().tensor([1.0f64, 2.0]);
/// let rows: Tensor<Rank2<3, 2>, f64, Cpu, _> = x.leaky_trace().broadcast();
/// let (rows, tape) = rows.split_tape();
/// let mut graph = Graph::new(tape);
/// let rows = ops::contiguous(rows, &mut graph)?;
/// assert_eq!(rows.as_vec(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
/// let sum: Tensor<Rank0, f64, Cpu> = graph.run(rows, |rows| rows.try_sum())?;
/// assert_eq!(sum.put_tape(graph.tape).backward().get(&x).array(), [3.0, 3.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn contiguous<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<S, E, D>> {
    graph.run(x, kernels::contiguous)
}

/// Returns a parameter's elements as a vector in one piece.
pub(crate) fn vector<S: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<S, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Vector<E, D>> {
    let len = x.shape().num_elements();
    let x = whole(x, graph)?;
    graph.run(x, |x| x.try_reshape_like(&(len,)))
}

/// Returns the maps to be updated in place: given up by the caller, so that their buffer may have one owner; a copy of
/// what other steps read.
pub(super) fn take<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let x = contiguous(x, graph)?;
    if graph.is_shared(&x) { copy(&x, graph) } else { Ok(x) }
}

/// Returns all units of each sample as its features, in the order of channels, rows, columns.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C H W)`.
///
/// # Errors
/// [`Error::Device`] where the device refuses.
pub fn flatten<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Matrix<E, D>> {
    let (b, c, h, w) = *x.shape();
    reshaped(contiguous(x, graph)?, &(b, c * h * w))
}

/// Returns the elements under another shape. A contiguous tensor keeps data and identity; a view is copied, which is not on
/// the tape, so call [`contiguous`] first where gradients are to pass.
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

/// Returns a tensor of its own with the elements of `x`, which stays as it is: to be updated in place, or because an
/// operation borrows the gradients of its operands side by side, and so they must be two.
pub(super) fn copy<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let y: Maps<E, D> = x.device().try_zeros_like::<Sizes>(x.shape()).map_err(Error::device)?;
    let y = x.device().add(y, x).map_err(Error::device)?;
    let x = x.ghost();
    graph.on_backward(&y, move |dev, grads, gy| dev.accumulate(E::ONE, &gy, grads.get_or_alloc_mut(&x)?));
    Ok(y)
}
