//! Maps whose channels stand beside each other.

use crate::autograd::{Graph, id};
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// The channels of `x`, then those of `y`.
///
/// # Shapes
/// `x: (B, C, H, W)` and `y: (B, C', H, W)` to `(B, C + C', H, W)`.
///
/// # Errors
/// [`Error::Shape`] where they differ in more than their channels; [`Error::Setting`] where they are one tensor; what the device
/// refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, y) = (ops::erase(dev.tensor([[[[1.0f64, 2.0]]]]))?, ops::erase(dev.tensor([[[[3.0]], [[4.0]]]]))?);
/// assert!(ops::concatenate(&x, &y, &mut Graph::new(NoneTape)).is_err()); // one column and two
/// let y = ops::resize(&y, [1, 2], None, &mut Graph::new(NoneTape))?;
/// let mut graph = Graph::new(x.leaky_trace().split_tape().1);
/// let both = ops::concatenate(&x, &y, &mut graph)?;
/// assert_eq!(both.as_vec(), [1.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
/// let grads = graph.run(both, |z| z.try_square()?.try_sum::<Rank0, _>())?.put_tape(graph.tape).backward();
/// assert_eq!((grads.get(&x).as_vec(), grads.get(&y).as_vec()), (vec![2.0, 4.0], vec![6.0, 6.0, 8.0, 8.0]));
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn concatenate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    x: &Maps<E, D>,
    y: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let ((b, c, h, w), other) = (*x.shape(), *y.shape());
    if (b, h, w) != (other.0, other.2, other.3) {
        return Err(Error::shape("maps beside each other", &[b, other.1, h, w], &other.concrete()));
    }
    if id(x) == id(y) {
        return Err(Error::Setting("one map cannot stand beside itself".into()));
    }
    let y = y.clone();
    let z: Maps<E, D> = graph.run(x.clone(), |x| (x, y).try_concat_along(Axis::<1>))?;
    debug_assert_eq!(z.shape().1, c + other.1);
    Ok(z)
}
