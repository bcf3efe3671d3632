//! Units picked from a map.

use super::shape::{MapShape, erased, restored};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::*;
use std::rc::Rc;

/// Which units of a map are picked. Units are counted as they lie in memory: channels, rows, columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    index: Rc<[u32]>,
    of: usize,
}

impl Units {
    /// The units `index` of a map of `of` units.
    ///
    /// # Errors
    /// [`Error::Setting`] where the map has no such unit.
    pub fn new(index: impl Into<Rc<[u32]>>, of: usize) -> Result<Self> {
        let index = index.into();
        match index.iter().find(|&&unit| unit as usize >= of) {
            Some(unit) => Err(Error::Setting(format!("cannot pick unit {unit} of a map of {of} units"))),
            None => Ok(Units { index, of }),
        }
    }

    /// The numbers of the units, in the order in which they are picked.
    pub fn index(&self) -> &[u32] {
        &self.index
    }
}

/// Unit `u` of each sample of the result is unit `units[u]` of that sample of `x`.
///
/// # Shapes
/// `x: (B, C, H, W)` with as many units as `units` is made for, result `to = (B, C', H', W')` with as many as it picks.
///
/// # Errors
/// [`Error::Shape`] where a number of units or the batch differs; what the device refuses.
///
/// ```
/// use dynvision::{cx::Cx, ops::{gather, Units}, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let x = dev.tensor([[[[1.0f32, 2.0, 3.0]]]]);
/// let mirrored = Units::new([2, 1, 0], 3).unwrap();
/// let y = gather(&x, &mirrored, *x.shape(), &mut cx).unwrap();
/// assert_eq!(y.array(), [[[[3.0, 2.0, 1.0]]]]);
/// ```
pub fn gather<X: MapShape, Y: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Tensor<X, E, D>,
    units: &Units,
    to: Y,
    cx: &mut Cx<T>,
) -> Result<Tensor<Y, E, D>> {
    let [b, c, h, w] = to.concrete();
    let x = erased(x, cx)?;
    let from = *x.shape();
    if (from.0, from.1 * from.2 * from.3, c * h * w) != (b, units.of, units.index.len()) {
        return Err(Error::shape("picking units (batch, units)", &[b, units.of], &from.concrete()));
    }
    let y = x.device().gather(&units.index, &x, (b, c, h, w)).map_err(Error::device)?;
    if T::OWNS_TAPE {
        let (x, index) = (x.ghost(), units.index.clone());
        cx.on_backward(&y, move |dev, grads, gy| dev.gather_backward(&index, from, &gy, grads.get_or_alloc_mut(&x)?));
    }
    restored("picking units", y)
}
