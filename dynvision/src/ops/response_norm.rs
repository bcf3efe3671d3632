//! Normalisation across neighbouring channels.

use super::arithmetic::mul;
use super::conv::conv2d;
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::geometry::{Conv, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use dfdx::prelude::*;

/// Local response normalisation (Krizhevsky, Sutskever and Hinton 2012): `y_k = x_k (c + alpha sum x_j²)^-beta`, summed over
/// the channels `j` within `radius` of `k` at the same place.
///
/// `alpha` is not divided by the number of channels, as in TensorFlow; torch's `local_response_norm` divides it.
///
/// # Shapes
/// `x` and the result are `(B, C, H, W)`.
///
/// # Errors
/// [`Error::Setting`] where the dtype has no such number; [`Error::Device`] where the device refuses.
///
/// ```
/// use dynvision::{autograd::Graph, ops};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[1.0f64]], [[2.0]], [[3.0]]]]))?;
/// let y = ops::local_response_norm(1, [1.0, 0.5, 1.0], &x, &mut Graph::new(NoneTape))?.as_vec();
/// let by = [1.0 + 0.5 * 5.0, 1.0 + 0.5 * 14.0, 1.0 + 0.5 * 13.0];
/// assert!(y.iter().zip([1.0, 2.0, 3.0]).zip(by).all(|((y, x), by)| (y - x / by).abs() < 1e-12));
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub fn local_response_norm<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    radius: usize,
    [c, alpha, beta]: [f64; 3],
    x: &Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let number =
        |value: f64| E::from_f64(value).ok_or_else(|| Error::Setting(format!("{value} is no number of the dtype")));
    let (c, alpha) = (number(c)?, number(alpha)?);
    let channels = x.shape().1;
    let near = |to: usize, from: usize| if to.abs_diff(from) <= radius { alpha } else { E::zero() };
    let band = (0..channels).flat_map(|to| (0..channels).map(move |from| near(to, from))).collect();
    let band = x.device().try_tensor_from_vec(band, (channels, channels, 1, 1)).map_err(Error::device)?;
    let squares = graph.run(x.clone(), |x| x.try_square())?;
    let pooled = conv2d(&Conv::new(Window::POINT), &squares, &band, None, None, graph)?;
    let factor = graph.run(pooled, |pooled| pooled.try_add(c)?.try_powf(-beta))?;
    mul(x, &factor, graph)
}
