//! Biases of different resolution, that stand in for an absent signal.

use super::{MapOf, Operation, Signal};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::geometry::Map;
use crate::kernels::{Element, VisionDevice};
use crate::ops::{self, restored};
use dfdx::prelude::{Const, Dim, Shape, Tape, Tensor};

/// A trained bias for each unit (the original's `SpatialBias`, of CordsNet); it begins at 0. Where there is no signal the
/// bias alone is one, for the whole batch.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{cx::Cx, nn::{Operation, SpatialBias, apply, built}, time::Plan};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let bias = built::Bias { bias: dev.tensor([[[1.0f32, 2.0]]]) };
/// let mut cx = Cx::new(NoneTape, Plan::default());
/// let alone = SpatialBias::<1, 1, 2>::absent(&bias, (2, Const::<1>, Const::<1>, Const::<2>), &mut cx).unwrap().unwrap();
/// assert_eq!(alone.as_vec(), [1.0, 2.0, 1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpatialBias<const C: usize, const H: usize, const W: usize>;
/// A trained bias for each channel (the original's `FeatureBias`); it begins at 0. Where there is no signal the bias alone
/// is one, for the whole batch.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeatureBias<const C: usize>;
/// One trained bias for the whole area (the original's `ScalarBias`); it begins at 0. Where there is no signal the bias
/// alone is one.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScalarBias;

crate::spec!(impl [const C: usize, const H: usize, const W: usize]
    SpatialBias<C, H, W> => built::Bias<(Const<C>, Const<H>, Const<W>), E, D>);
crate::spec!(impl [const C: usize] FeatureBias<C> => built::Bias<(Const<C>,), E, D>);
crate::spec!(impl ScalarBias => built::Bias<(), E, D>);

macro_rules! adds_its_bias {
    ([$($params:tt)*] $bias:ty, $channels:expr, $map:expr) => {
        impl<$($params)*> Operation for $bias {
            const CHANNELS: Option<usize> = $channels;
            const MAP: Option<Map> = $map;

            fn apply<B: Dim, Ch: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                x: MapOf<B, Ch, Ho, Wo, E, D>,
                cx: &mut Cx<T>,
            ) -> Result<MapOf<B, Ch, Ho, Wo, E, D>> {
                ops::add_bias(x, &built.bias, cx)
            }

            fn absent<B: Dim, Ch: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                shape: (B, Ch, Ho, Wo),
                cx: &mut Cx<T>,
            ) -> Result<Signal<(B, Ch, Ho, Wo), E, D>> {
                alone(&built.bias, shape, cx).map(Some)
            }
        }
    };
}
adds_its_bias!([const C: usize, const H: usize, const W: usize] SpatialBias<C, H, W>, Some(C), Some(Map::new(C, H, W)));
adds_its_bias!([const C: usize] FeatureBias<C>, Some(C), None);
adds_its_bias!([] ScalarBias, None, None);

/// The bias as a signal of its own.
fn alone<Z: Shape, B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    bias: &Tensor<Z, E, D>,
    shape: (B, C, H, W),
    cx: &mut Cx<T>,
) -> Result<MapOf<B, C, H, W, E, D>> {
    let [b, c, h, w] = shape.concrete();
    let zeros = bias.device().try_zeros_like(&(b, c, h, w)).map_err(Error::device)?;
    restored("bias", ops::add_bias(zeros, bias, cx)?)
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{ConstShape, Device, Dtype, Tensor};

    /// A bias.
    #[derive(Clone, Debug)]
    pub struct Bias<S: ConstShape, E: Dtype, D: Device<E>> {
        /// For each unit, for each channel, or for all.
        pub bias: Tensor<S, E, D>,
    }

    impl<S: ConstShape, E: Dtype, D: Device<E>> TensorCollection<E, D> for Bias<S, E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Bias<S, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let bias = Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros());
            visitor.visit_fields(bias, |bias| Bias { bias })
        }
    }
}
