//! No recurrence.

use super::Connection;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Empty;
use crate::unroll::Context;
use dfdx::prelude::{HasShape, Tape};

/// No recurrence.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecurrence;
crate::spec!(impl NoRecurrence => Empty);

impl Connection for NoRecurrence {
    const CONNECTED: bool = false;

    /// Contributes nothing; a layer does not ask, since nothing is connected.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        match onto {
            Some(onto) => Ok(onto),
            None => h.device().try_zeros_like(h.shape()).map_err(Error::device),
        }
    }
}
