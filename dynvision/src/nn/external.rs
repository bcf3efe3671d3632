//! Current that is injected into an area.

use super::{Empty, MapOf, Operation, Signal};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Dim, HasShape, Shape, Tape};

/// Adds the external current of this step, if the stimulus injects one into this area
/// ([`Stimulus::inject`](crate::time::Stimulus::inject)): microstimulation, top-down attention, an imagined input. Where
/// there is no signal the current alone is one. (The original's `addext` is the place for this, which nothing fills.)
///
/// # Shapes
/// `(B, C, H, W)`, as it was; a current has the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExternalInput;
crate::spec!(impl ExternalInput => Empty);

impl Operation for ExternalInput {
    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        mut x: MapOf<B, C, H, W, E, D>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        for current in cx.currents::<E, D>() {
            x = ops::add(x, &ops::restored("external current", current)?, cx)?;
        }
        Ok(x)
    }

    fn absent<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        shape: (B, C, H, W),
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, C, H, W), E, D>> {
        let mut sum: Signal<(B, C, H, W), E, D> = None;
        for current in cx.currents::<E, D>() {
            let current: MapOf<B, C, H, W, E, D> = ops::restored("external current", current)?;
            if current.shape() != &shape {
                return Err(Error::shape("external current", &shape.concrete(), &current.shape().concrete()));
            }
            sum = Some(match sum {
                Some(sum) => ops::add(sum, &current, cx)?,
                None => current,
            });
        }
        Ok(sum)
    }
}
