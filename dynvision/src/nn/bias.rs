//! Biases of different resolution, that stand in for an absent signal.

use super::Operation;
use super::layer::sizes;
use crate::error::{Error, Result};
use crate::geometry::Map;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{Const, Shape, Tape, Tensor};

/// A trained bias for each unit, `x + b` (the original's `SpatialBias`, of CordsNet); it begins at 0. Where there is no
/// signal the bias alone is one, for the whole batch.
///
/// # Shapes
/// `(B, C, H, W)`, as it was; the bias `(C, H, W)`.
///
/// ```
/// use dynvision::{geometry::Map, nn::{Operation, SpatialBias, built}, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let bias = built::Bias { bias: Cpu::default().tensor([[[1.0f32, 2.0]]]) };
/// let mut cx = Context::new(NoneTape, Plan::default());
/// cx.set_batch(2);
/// cx.set_input(Map::new(1, 1, 2));
/// let alone = SpatialBias::<1, 1, 2>::absent(&bias, &mut cx)?.unwrap();
/// assert_eq!(alone.as_vec(), [1.0, 2.0, 1.0, 2.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpatialBias<const C: usize, const H: usize, const W: usize>;
/// A trained bias for each channel, `x + b` (the original's `FeatureBias`); it begins at 0. Where there is no signal the
/// bias alone is one, for the whole batch.
///
/// # Shapes
/// `(B, C, H, W)`, as it was; the bias `(C)`.
///
/// ```
/// use dynvision::{nn::{FeatureBias, Operation, built}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let bias = built::Bias { bias: dev.tensor([0.5f32, -1.0]) };
/// let x = ops::erase(dev.tensor([[[[1.0]], [[1.0]]]]))?;
/// let y = FeatureBias::<2>::forward(&bias, x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [1.5, 0.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FeatureBias<const C: usize>;
/// One trained bias for the whole area, `x + b` (the original's `ScalarBias`); it begins at 0. Where there is no signal the
/// bias alone is one.
///
/// # Shapes
/// `(B, C, H, W)`, as it was; the bias `()`.
///
/// ```
/// use dynvision::{nn::{Operation, ScalarBias, built}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (bias, x) = (built::Bias { bias: dev.tensor(0.5f32) }, ops::erase(dev.tensor([[[[1.0, 2.0]]]]))?);
/// let y = ScalarBias::forward(&bias, x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [1.5, 2.5]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
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

            fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                x: Maps<E, D>,
                cx: &mut Context<E, D, T>,
            ) -> Result<Maps<E, D>> {
                ops::add_bias(x, &built.bias, cx)
            }

            fn absent<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                cx: &mut Context<E, D, T>,
            ) -> Result<Option<Maps<E, D>>> {
                alone(&built.bias, cx).map(Some)
            }
        }
    };
}
adds_its_bias!([const C: usize, const H: usize, const W: usize] SpatialBias<C, H, W>, Some(C), Some(Map::new(C, H, W)));
adds_its_bias!([const C: usize] FeatureBias<C>, Some(C), None);
adds_its_bias!([] ScalarBias, None, None);

/// The bias as a signal of its own.
fn alone<Z: Shape<Concrete: ops::RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    bias: &Tensor<Z, E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let [b, c, h, w] = sizes(cx.input(), cx);
    let zeros = bias.device().try_zeros_like(&(b, c, h, w)).map_err(Error::device)?;
    ops::add_bias(zeros, bias, cx)
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
