//! Steps to a time axis.

use super::shape::{RunTimeSizes, countable, whole};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use dfdx::prelude::*;

/// Steps of `(batch, ..)` to `(batch, time, ..)` in one copy; the steps before `first` are zero.
///
/// # Shapes
/// `n` steps of `(B, ..)` to `(B, first + n, ..)`.
///
/// # Errors
/// [`Error::EmptyStimulus`] without steps; [`Error::Setting`] where they are single numbers; [`Error::Shape`] where the result is not `Y`.
pub fn stack_time<X, Y, E, D, T>(
    first: usize,
    steps: &[Tensor<X, E, D>],
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Y, E, D>>
where
    X: Shape<Concrete: RunTimeSizes>,
    Y: Shape,
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let steps: Vec<_> = steps.iter().map(|x| whole(x, graph)).collect::<Result<_>>()?;
    let x = steps.first().ok_or(Error::EmptyStimulus)?;
    let mut sizes: Vec<usize> = x.shape().concrete().into_iter().collect();
    let Some(&batch) = sizes.first() else {
        return Err(Error::Setting("stacking over time needs steps with a batch".to_owned()));
    };
    let (time, len) = (first.saturating_add(steps.len()), sizes[1..].iter().product());
    countable("a stack of steps", &[time, len])?;
    sizes.insert(1, time);
    let mut concrete = Y::Concrete::default();
    let wrong = || Error::not_of::<Y>("stacking over time", &sizes);
    if Y::NUM_DIMS != sizes.len() || steps.iter().any(|step| step.shape().concrete() != x.shape().concrete()) {
        return Err(wrong());
    }
    (0..Y::NUM_DIMS).for_each(|i| concrete[i] = sizes[i]);
    let to = Y::from_concrete(&concrete).ok_or_else(wrong)?;
    let y = x.device().stack_time(first, &steps, to).map_err(Error::device)?;
    if T::OWNS_TAPE {
        let steps: Vec<_> = steps.iter().map(|x| x.ghost()).collect();
        graph.on_backward(&y, move |dev, grads, gy| {
            steps
                .iter()
                .enumerate()
                .try_for_each(|(t, x)| dev.unstack_time([batch, time, len], first + t, &gy, grads.get_or_alloc_mut(x)?))
        });
    }
    Ok(y)
}
