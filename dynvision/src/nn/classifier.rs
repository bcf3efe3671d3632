//! Global average pooling and a linear map.

use super::{Features, Readout, Signal};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Axis, BroadcastTo, Const, Dim, HasShape, PermuteTo, Tape, Tensor, TryAdd, TryMatMul};

/// The mean of each of `F` channels, then a linear map to `N` classes.
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classifier<const F: usize, const N: usize>;
crate::spec!(impl [const F: usize, const N: usize] Classifier<F, N> => built::Classifier<F, N, E, D>);

impl<const F: usize, const N: usize> Readout for Classifier<F, N> {
    const FEATURES: Features = Features::Channels(F);
    type Classes = Const<N>;

    fn read<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Signal<(B, C, H, W), E, D>,
        batch: B,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, Const<N>), E, D>> {
        let Some(x) = x else {
            return built.bias.device().try_zeros_like(&(batch, Const)).map_err(Error::device);
        };
        let x: Tensor<(B, Const<F>), E, D> = ops::global_avg_pool(&x, cx)?;
        let (weight, bias) = (built.weight.retaped::<T>(), built.bias.retaped::<T>());
        cx.run(x, |x| {
            let y: Tensor<(B, Const<N>), E, D, T> = x.try_matmul(weight.try_permute()?)?;
            let shape = *y.shape();
            y.try_add(bias.try_broadcast_like::<_, Axis<0>>(&shape)?)
        })
    }
}

pub(crate) mod built {
    use crate::nn::TruncatedNormal;
    use crate::nn::init::fill;
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank1, Rank2, Tensor};

    /// The weights of a [`Classifier`](super::Classifier).
    #[derive(Clone, Debug)]
    pub struct Classifier<const F: usize, const N: usize, E: Dtype, D: Device<E>> {
        /// `(N, F)`.
        pub weight: Tensor<Rank2<N, F>, E, D>,
        /// `(N)`.
        pub bias: Tensor<Rank1<N>, E, D>,
    }

    impl<const F: usize, const N: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Classifier<F, N, E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Classifier<F, N, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::tensor(
                        "weight",
                        |s| &s.weight,
                        |s| &mut s.weight,
                        TensorOptions::reset_with(fill::<TruncatedNormal<4>, _, E, D>),
                    ),
                    Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
                ),
                |(weight, bias)| Classifier { weight, bias },
            )
        }
    }
}
