//! The recurrent block of CORnet-S.

use super::conv_lstm::odd_kernel;
use crate::error::Result;
use crate::geometry::{Conv, Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::{BatchNorm, Layer, Operation};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::Tape;

/// An area of CORnet-S (Kubilius et al. 2019), which runs `N` times within one step of the model, with the same
/// convolutions and norms of their own each time:
///
/// ```text
/// u = Win x                                                  1x1, I -> O
/// skip = norm_skip(Wskip u) at t = 0 (1x1, stride 2), else u
/// h = relu(norm1_t(W1 u))                                    1x1, O -> M
/// h = relu(norm2_t(W2 h))                                    3x3, stride 2 at t = 0, else 1
/// u = relu(norm3_t(W3 h) + skip)                             1x1, M -> O
/// ```
///
/// The published model has `M = 4 O` and runs V2, V4 and IT 2, 4 and 2 times. No convolution has a bias.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H - 1) / 2 + 1`.
///
/// ```
/// use dynvision::{nn::{CorBlockS, Layer}, geometry::Map};
/// assert_eq!(<CorBlockS<64, 128, 512, 2>>::GEOMETRY.apply(Map::new(64, 56, 55)), Map::new(128, 28, 28));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CorBlockS<const I: usize, const O: usize, const M: usize, const N: usize>;
crate::spec!(impl [const I: usize, const O: usize, const M: usize, const N: usize]
    CorBlockS<I, O, M, N> => built::CorBlockS<I, O, M, N, E, D>);

impl<const I: usize, const O: usize, const M: usize, const N: usize> Layer for CorBlockS<I, O, M, N> {
    const GEOMETRY: Geometry = Geometry::conv(I, O, Window::same(3, 2));
    const MISFIT: Option<&'static str> =
        if N == 0 { Some("an area of CORnet-S runs at least once in a step") } else { odd_kernel(3) };
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let mut u = built.conv_input.forward(&x, None, cx)?;
        let norms = built.norm1.steps.iter().zip(&built.norm2.steps).zip(&built.norm3.steps);
        for (t, ((norm1, norm2), norm3)) in norms.enumerate() {
            let stride = if t == 0 { 2 } else { 1 };
            let skip = match t {
                0 => {
                    let skip = built.skip.forward(&u, None, cx)?;
                    BatchNorm::<O>::forward(&built.norm_skip, skip, cx)?
                }
                _ => u.clone(),
            };
            let h = built.conv1.forward(&u, None, cx)?;
            let h = BatchNorm::<M>::forward(norm1, h, cx)?;
            let h = ops::relu(h, cx)?;
            let h = built.conv2.convolve(&Conv::new(Window::same(3, stride)), &h, None, cx)?;
            let h = BatchNorm::<M>::forward(norm2, h, cx)?;
            let h = ops::relu(h, cx)?;
            let h = built.conv3.forward(&h, None, cx)?;
            let h = BatchNorm::<O>::forward(norm3, h, cx)?;
            let sum = ops::add(h, &skip, cx)?;
            u = ops::relu(sum, cx)?;
        }
        Ok(Some(u))
    }
}

pub(crate) mod built {
    use crate::nn::NoBias;
    use crate::nn::built::{BatchNorm, Conv2d, Steps};
    use crate::nn::optional::weights;
    use dfdx::prelude::Const;

    weights! {
        /// The weights of a [`CorBlockS`](super::CorBlockS).
        pub struct CorBlockS[I, O, M, N] {
            (
                /// The convolution of the input.
                conv_input: Conv2d<Const<I>, Const<O>, Const<1>, 1, NoBias, E, D> = part("conv_input"),
                /// The shortcut of the first time.
                skip: Conv2d<Const<O>, Const<O>, Const<1>, 2, NoBias, E, D> = part("skip"),
                /// The norm of the shortcut.
                norm_skip: BatchNorm<O, E, D> = part("norm_skip"),
                /// The first convolution.
                conv1: Conv2d<Const<O>, Const<M>, Const<1>, 1, NoBias, E, D> = part("conv1"),
                /// The second, whose stride is 2 at the first time.
                conv2: Conv2d<Const<M>, Const<M>, Const<3>, 1, NoBias, E, D> = part("conv2"),
                /// The third.
                conv3: Conv2d<Const<M>, Const<O>, Const<1>, 1, NoBias, E, D> = part("conv3"),
            )
            (
                /// The norms after the first convolution, one for each time.
                norm1: Steps<BatchNorm<M, E, D>, N> = part("norm1"),
                /// Those after the second.
                norm2: Steps<BatchNorm<M, E, D>, N> = part("norm2"),
                /// Those after the third.
                norm3: Steps<BatchNorm<O, E, D>, N> = part("norm3"),
            )
        }
    }
}
