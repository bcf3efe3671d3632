//! Weight normalisation.

use super::shape::{MapShape, erased};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// The weight `g v / |v|`, with one norm `g` and one Euclidean norm `|v|` for each output (Salimans and Kingma 2016).
///
/// # Shapes
/// `v: (O, I, K, L)`, `g` of `O` elements, result `(O, I, K, L)`.
///
/// # Errors
/// [`Error::Shape`] where `g` has not as many elements as `v` has outputs; what the device refuses.
///
/// ```
/// use dynvision::{cx::Cx, ops::weight_norm, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let (v, g) = (dev.tensor([[[[3.0f64, 4.0]]]]), dev.tensor([10.0f64]));
/// let w = weight_norm(&v, &g, &mut cx).unwrap();
/// assert_eq!(w.as_vec(), [6.0, 8.0]);
/// ```
pub fn weight_norm<V: MapShape, G: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    v: &Tensor<V, E, D>,
    g: &Tensor<G, E, D>,
    cx: &mut Cx<T>,
) -> Result<Maps<E, D>> {
    let v = erased(v, cx)?;
    let shape = *v.shape();
    if g.shape().num_elements() != shape.0 {
        return Err(Error::shape("norms of a weight", &[shape.0], &[g.shape().num_elements()]));
    }
    let g: Tensor<(usize,), E, D> = cx.run(g.clone(), |g| g.try_reshape_like(&(shape.0,)))?;
    let square = cx.run(v.clone(), |v| v.try_square())?;
    let scale: Tensor<(usize,), E, D> = cx.run(square, |square: Tensor<_, E, D, T>| {
        g.retaped::<T>().try_div(square.try_sum::<_, Axes3<1, 2, 3>>()?.try_sqrt()?)
    })?;
    cx.run(v, |v| v.try_mul(scale.retaped::<T>().try_broadcast_like::<_, Axes3<1, 2, 3>>(&shape)?))
}
