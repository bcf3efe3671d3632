//! Going backward through a loss.

use super::TrainError;
use crate::error::Error;
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::{Backward, Gradients, OwnedTape, Rank0, Tensor};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The gradients of a loss of that name.
///
/// dfdx knows a gradient by the identity of its tensor, which a clone shares, and panics on the way back through an operation
/// of a tensor and its own clone. A loss of one's own can do that, and no type can forbid it: here it becomes an error. The
/// tape and its gradients are given up with it, and nothing else was touched. Any other panic goes on.
///
/// # Errors
/// [`TrainError::SameTensor`]; what the device refuses.
pub(super) fn backward<E: Element, D: VisionDevice<E>>(
    loss: Tensor<Rank0, E, D, OwnedTape<E, D>>,
    name: impl FnOnce() -> String,
) -> Result<Gradients<E, D>, TrainError> {
    match catch_unwind(AssertUnwindSafe(|| loss.try_backward())) {
        Ok(gradients) => Ok(gradients.map_err(Error::device)?),
        Err(panic) if is_of_identities(&*panic) => Err(TrainError::SameTensor { loss: name() }),
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether dfdx complained of two tensors with one identity.
fn is_of_identities(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.contains("left != right") && text.contains("UniqueId"))
}
