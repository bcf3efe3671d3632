//! What sees the frame before the first area.

use super::{Conv2d, DefaultOptions, Identity, NoRecurrence, Recurrent, TwoStage};

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
pub type Retina<const I: usize = 3, const O: usize = 18, const M: usize = 36, const K: usize = 9, C = DefaultOptions> =
    Recurrent<TwoStage<Conv2d<I, M, K, 1, C>, Identity, Conv2d<M, O, K, 1, C>>, NoRecurrence>;
