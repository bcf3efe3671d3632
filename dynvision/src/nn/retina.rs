//! What sees the frame before the first area.

use super::{Conv2d, Identity, Layer, MapOf, NoRecurrence, Plain, Recurrent, Signal, TwoStage};
use crate::cx::{By, Cx, Drive, id};
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops::{erased, restored, retyped};
use crate::time::History;
use dfdx::prelude::{ConstDim, Dim, Tape};

/// Retina and lateral geniculate nucleus as two convolutions with rectification between them (Lindsey et al. 2019): from
/// the `I` channels of a frame to `M` kinds of ganglion cells to `O` channels that the first area takes. `C` are the
/// options of both convolutions. In the original nothing runs it.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H, W)`.
///
/// ```
/// use dynvision::nn::{Layer, Retina};
/// use dynvision::geometry::Map;
/// assert_eq!(<Retina<3, 16>>::GEOMETRY.apply(Map::new(3, 32, 32)), Map::new(16, 32, 32));
/// ```
pub type Retina<const I: usize = 3, const O: usize = 18, const M: usize = 36, const K: usize = 9, C = Plain> =
    Recurrent<TwoStage<Conv2d<I, M, K, 1, C>, Identity, Conv2d<M, O, K, 1, C>>, NoRecurrence>;

/// What a retina makes of a frame. Any [`Layer`] can be one; it has no past. A frame that is shown at several steps is
/// seen once, and what the first area makes of it is computed once as well.
///
/// # Shapes
/// `frame: (B, In, H, W)`, result `(B, Out, Ho, Wo)` by the layer's geometry.
///
/// # Errors
/// Those of the layer.
pub fn see<R: Layer, B: Dim, C: Dim, H: ConstDim, W: ConstDim, O: Dim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
    built: &R::Built<E, D>,
    frame: Signal<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, O, Ho, Wo), E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    let Some(frame) = frame else { return Ok(None) };
    let maps = erased(&frame, cx)?;
    let seen = cx.once(Drive { frame: id(&maps), by: By::Retina }, |cx| {
        let frame: MapOf<B, R::In, H, W, E, D> = retyped("frame that a retina sees", frame, cx)?;
        let none = History::<(B, R::Out, Ho, Wo), E, D>::default();
        let seen = R::step(built, Some(frame), &none, cx)?;
        erased(&seen.ok_or_else(|| Error::Setting("the retina gave no signal".into()))?, cx)
    })?;
    if cx.keeps(&seen) {
        cx.show(&seen);
    }
    restored("what a retina sees", seen).map(Some)
}
