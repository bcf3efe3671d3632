//! Units picked from a map.

use super::shape::{contiguous, countable};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::Units;
use crate::kernels::{Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::*;

/// Unit `u` of each sample of the result is unit `units[u]` of that sample of `x`.
///
/// # Shapes
/// `x: (B, C, H, W)` with as many units as `units` is made for, result `to = (B, C', H', W')` with as many as it picks.
///
/// # Errors
/// [`Error::Shape`] where a number of units or the batch differs; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, geometry::Units, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f32, 2.0, 3.0]]]]))?;
/// let mirrored = Units::new([2, 1, 0], 3)?;
/// let y = ops::gather(&x, &mirrored, *x.shape(), &mut Graph::new(NoneTape))?;
/// assert_eq!(y.as_vec(), [3.0, 2.0, 1.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn gather<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    units: &Units,
    to: Sizes,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (b, c, h, w) = to;
    countable("picking units for a map", &[c, h, w])?;
    let x = contiguous(x.clone(), graph)?;
    let from = *x.shape();
    if (from.0, from.1 * from.2 * from.3, c * h * w) != (b, units.of(), units.index().len()) {
        return Err(Error::shape("picking units (batch, units)", &[b, units.of()], &from.concrete()));
    }
    let y = x.device().gather(units.index(), &x, to).map_err(Error::device)?;
    let (x, index) = (x.ghost(), units.index().clone());
    graph.on_backward(&y, move |dev, grads, gy| dev.gather_backward(&index, from, &gy, grads.get_or_alloc_mut(&x)?));
    Ok(y)
}
