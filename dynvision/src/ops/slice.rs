//! A part of a tensor, and a tensor behind which gradients end.

use super::gather::gather;
use super::shape::reshaped;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::Units;
use crate::kernels::{self, Element, Maps, VisionDevice};
use dfdx::prelude::*;
use std::ops::Range;

/// The places `range` along axis number `axis`: some steps of responses `(batch, time, ..)`, some channels of maps.
/// Gradients are added to those of `x`, which may have other readers. (Those of dfdx 0.13's own `slice` replace what other
/// readers have added.)
///
/// # Shapes
/// `x: (n0, .., n_axis, ..)`, result `Y = (n0, .., range.len(), ..)`.
///
/// # Errors
/// [`Error::Setting`] where `x` has no such axis, the axis no such places, or there are none in `range`; [`Error::Shape`] where the result is not `Y`;
/// what the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = dev.tensor([[1.0f64, 2.0, 4.0]]);
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let later: Tensor<(usize, usize), f64, Cpu> = ops::slice(1, 1..3, &x, &mut graph)?;
/// let earlier: Tensor<(usize, usize), f64, Cpu> = ops::slice(1, 0..2, &x, &mut graph)?;
/// assert_eq!(later.as_vec(), [2.0, 4.0]);
/// let change: Tensor<Rank0, f64, Cpu> = graph.run(later, |later| later.try_sub(earlier)?.try_square()?.try_sum())?;
/// assert_eq!(change.put_tape(graph.tape).backward().get(&x).array(), [[-2.0, -2.0, 4.0]]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn slice<X: Shape, Y: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    axis: usize,
    range: Range<usize>,
    x: &Tensor<X, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Y, E, D>> {
    let mut sizes: Vec<usize> = x.shape().concrete().into_iter().collect();
    let Some(&along) = sizes.get(axis).filter(|&&along| range.start < range.end && range.end <= along) else {
        return Err(Error::Setting(format!("cannot take places {range:?} along axis {axis} of a tensor of {sizes:?}")));
    };
    let (outer, inner): (usize, usize) = (sizes[..axis].iter().product(), sizes[axis + 1..].iter().product());
    sizes[axis] = range.len();
    let mut concrete = Y::Concrete::default();
    let wrong = || Error::not_of::<Y>("taking a slice", &sizes);
    if Y::NUM_DIMS != sizes.len() {
        return Err(wrong());
    }
    (0..Y::NUM_DIMS).for_each(|i| concrete[i] = sizes[i]);
    let to = Y::from_concrete(&concrete).ok_or_else(wrong)?;
    let number = |unit: usize| {
        u32::try_from(unit).map_err(|_| Error::Setting(format!("a slice of {} elements is too large", along * inner)))
    };
    let index: Vec<u32> = (number(range.start * inner)?..number(range.end * inner)?).collect();
    // other axes are the batch and the units of a sample
    let x = graph.run(x.clone(), kernels::contiguous)?;
    let x: Maps<E, D> = reshaped(x, &(outer, 1, along, inner))?;
    let units = Units::new(index, along * inner)?;
    let y: Maps<E, D> = gather(&x, &units, (outer, 1, range.len(), inner), graph)?;
    reshaped(y, &to)
}

/// Returns values through which no gradient passes to `x`: a target that is not trained. See [`Graph::cut`] for one that
/// stops the gradients of all readers.
///
/// # Errors
/// What the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = dev.tensor(3.0f64);
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let fixed = ops::stop_gradient(&x)?;
/// let y: Tensor<Rank0, f64, Cpu> = graph.run(x.clone(), |x| x.try_mul(fixed))?;
/// assert_eq!(y.array(), 9.0);
/// assert_eq!(y.put_tape(graph.tape).backward().get(&x).array(), 3.0); // not 6
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn stop_gradient<S: Shape, E: Element, D: VisionDevice<E>>(x: &Tensor<S, E, D>) -> Result<Tensor<S, E, D>> {
    // a tensor of its own, made without a tape
    x.clone().try_mul(E::ONE).map_err(Error::device)
}
