//! Tensors one after the other.

use super::gather::gather;
use super::shape::{contiguous, reshaped};
use super::stack::stack_time;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::Units;
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// The tensors one after the other along axis number `axis`: responses of two areas as channels of one map, two runs as one in
/// time. Gradients are added to those of each part, which may have other readers, be a view, or stand here more than once. (In
/// dfdx 0.13's own `concat_along`, a tensor beside its own clone has no backward pass.)
///
/// Parts of different lengths are as long as the longest while they are put together.
///
/// # Shapes
/// `parts[i]: (n0, .., a_i, ..)`, alike but along the axis, result `Y = (n0, .., sum of a_i, ..)`. Parts whose types differ are
/// erased first: [`erase`](super::erase).
///
/// # Errors
/// [`Error::Setting`] where there are no parts, no such axis or nothing along it; [`Error::Shape`] where parts differ along another axis, or the
/// result is not `Y`; what the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// type Matrix = Tensor<(usize, usize), f64, Cpu>;
/// let dev = Cpu::default();
/// let x: Matrix = dev.tensor_from_vec(vec![1.0, 2.0, 3.0, 4.0], (2, 2));
/// let y: Matrix = dev.tensor_from_vec(vec![5.0, 6.0], (2, 1));
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let all: Matrix = ops::concat(1, &[x.clone(), y, x.clone()], &mut graph)?;
/// assert_eq!(all.as_vec(), [1.0, 2.0, 5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 3.0, 4.0]);
/// let sum: Tensor<Rank0, f64, Cpu> = graph.run(all, |all| all.try_sum())?;
/// assert_eq!(sum.put_tape(graph.tape).backward().get(&x).as_vec(), [2.0; 4]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn concat<X: Shape, Y: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    axis: usize,
    parts: &[Tensor<X, E, D>],
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Y, E, D>> {
    let sizes_of = |x: &Tensor<X, E, D>| -> Vec<usize> { x.shape().concrete().into_iter().collect() };
    let Some(mut sizes) = parts.first().map(sizes_of) else {
        return Err(Error::Setting("there is nothing to put one after the other".to_owned()));
    };
    if axis >= sizes.len() {
        return Err(Error::Setting(format!(
            "tensors of {sizes:?} have no axis {axis} to stand one after the other along"
        )));
    }
    let mut lengths = Vec::with_capacity(parts.len());
    for part in parts {
        let mut found = sizes_of(part);
        lengths.push(std::mem::replace(&mut found[axis], sizes[axis]));
        if found != sizes {
            return Err(Error::shape("putting tensors one after the other", &sizes, &sizes_of(part)));
        }
    }
    let (outer, inner): (usize, usize) = (sizes[..axis].iter().product(), sizes[axis + 1..].iter().product());
    let (total, longest) = (lengths.iter().sum(), lengths.iter().copied().max().unwrap_or(0));
    sizes[axis] = total;
    let mut concrete = Y::Concrete::default();
    let wrong = || Error::not_of::<Y>("putting tensors one after the other", &sizes);
    if Y::NUM_DIMS != sizes.len() {
        return Err(wrong());
    }
    (0..Y::NUM_DIMS).for_each(|i| concrete[i] = sizes[i]);
    let to = Y::from_concrete(&concrete).ok_or_else(wrong)?;
    if sizes.contains(&0) {
        return Err(Error::Setting(format!("tensors of {sizes:?} have no elements to put one after the other")));
    }
    let span = longest
        .checked_mul(inner)
        .filter(|span| span.checked_mul(parts.len()).is_some_and(|all| u32::try_from(all).is_ok()));
    let Some(span) = span else {
        return Err(Error::Setting(format!("{} tensors of up to {longest} places are too many for one", parts.len())));
    };
    let number = |unit: usize| u32::try_from(unit).unwrap_or(u32::MAX); // as many as were just found to fit

    // a part that is shorter than the longest is followed by more of its first units, which nobody reads
    let mut alike = Vec::with_capacity(parts.len());
    for (part, &length) in parts.iter().zip(&lengths).filter(|(_, length)| **length > 0) {
        let part = contiguous(part.clone(), graph)?;
        let part: Maps<E, D> = reshaped(part, &(outer, 1, length, inner))?;
        alike.push(if length == longest {
            part
        } else {
            let units = (0..span).map(|unit| if unit < length * inner { number(unit) } else { 0 }).collect::<Vec<_>>();
            gather(&part, &Units::new(units, length * inner)?, (outer, 1, longest, inner), graph)?
        });
    }
    lengths.retain(|&length| length > 0);
    let count = alike.len();
    let all: Tensor<(usize, usize, usize, usize, usize), E, D> = stack_time(0, &alike, graph)?;
    let mut all: Maps<E, D> = reshaped(all, &(outer, 1, count * longest, inner))?;
    if total < count * longest {
        let read = |(at, length): (usize, &usize)| (at * span..at * span + length * inner).map(number);
        let units: Vec<u32> = lengths.iter().enumerate().flat_map(read).collect();
        all = gather(&all, &Units::new(units, count * span)?, (outer, 1, total, inner), graph)?;
    }
    reshaped(all, &to)
}
