//! Weight normalisation.

use super::shape::{RunTimeSizes, contiguous, vector};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, Vector, VisionDevice};
use dfdx::prelude::*;

/// The weight `g v / |v|`, with one norm `g` and one Euclidean norm `|v|` for each output (Salimans and Kingma 2016).
///
/// # Shapes
/// `v: (O, I, K, L)`, `g` of `O` elements, result `(O, I, K, L)`.
///
/// # Errors
/// [`Error::Shape`] where `g` has not as many elements as `v` has outputs; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (v, g) = (ops::erase(dev.tensor([[[[3.0f64, 4.0]]]]))?, dev.tensor([10.0f64]));
/// let w = ops::weight_norm(&v, &g, &mut Graph::new(NoneTape))?;
/// assert_eq!(w.as_vec(), [6.0, 8.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn weight_norm<G: Shape<Concrete: RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    v: &Maps<E, D>,
    g: &Tensor<G, E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let v = contiguous(v.clone(), graph)?;
    let shape = *v.shape();
    if g.shape().num_elements() != shape.0 {
        return Err(Error::shape("norms of a weight", &[shape.0], &[g.shape().num_elements()]));
    }
    let g = vector(g, graph)?;
    let square = graph.run(v.clone(), |v| v.try_square())?;
    let scale: Vector<E, D> = graph.run(square, |square: Tensor<_, E, D, T>| {
        g.retaped::<T>().try_div(square.try_sum::<_, Axes3<1, 2, 3>>()?.try_sqrt()?)
    })?;
    graph.run(v, |v| v.try_mul(scale.retaped::<T>().try_broadcast_like::<_, Axes3<1, 2, 3>>(&shape)?))
}
