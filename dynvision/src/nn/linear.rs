//! A linear map.

use super::conv::{ConvOptions, Plain};
use super::init::TruncatedNormal;
use std::marker::PhantomData;

/// A linear map from `F` features to `N`: `x Wᵀ + b`. `C` says how it begins, whether it has a bias, and whether its
/// weight is normalised; its padding means nothing here.
///
/// # Shapes
/// `(B, F)` to `(B, N)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linear<const F: usize, const N: usize, C = Plain<TruncatedNormal<4>>>(PhantomData<C>);
crate::spec!(impl [const F: usize, const N: usize, C: ConvOptions] Linear<F, N, C> => built::Linear<F, N, C, E, D>);

pub(crate) mod built {
    use super::*;
    use crate::cx::Cx;
    use crate::error::Result;
    use crate::kernels::{Element, Maps, VisionDevice};
    use crate::nn::init::{fill, fill_norms};
    use crate::nn::optional::Optional;
    use crate::ops::{self, reshaped};
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{
        Axis, BroadcastTo, Const, Device, Dim, Dtype, HasShape, PermuteTo, Rank1, Rank2, Tape, Tensor, TryAdd,
        TryMatMul,
    };

    /// The weights of a linear map.
    #[derive(Clone, Debug)]
    pub struct Linear<const F: usize, const N: usize, C, E: Dtype, D: Device<E>> {
        /// `(N, F)`; under weight normalisation its direction `v`.
        pub weight: Tensor<Rank2<N, F>, E, D>,
        /// `(N, 1)`, the norm `g` of each output's weight, under weight normalisation.
        pub norm: Option<Tensor<Rank2<N, 1>, E, D>>,
        /// `(N)`, if there is a bias.
        pub bias: Option<Tensor<Rank1<N>, E, D>>,
        options: PhantomData<C>,
    }

    impl<const F: usize, const N: usize, C: ConvOptions, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Linear<F, N, C, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = Linear<F, N, C, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let weight = Self::tensor(
                if C::WEIGHT_NORM { "weight_v" } else { "weight" },
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(fill::<C::Init, _, E, D>),
            );
            #[allow(clippy::expect_used)] // the field is there by the same constant by which it is visited
            let norm = C::WEIGHT_NORM.then(|| {
                Self::tensor(
                    "weight_g",
                    |s| s.norm.as_ref().expect("a linear map whose options say so has norms"),
                    |s| s.norm.as_mut().expect("a linear map whose options say so has norms"),
                    TensorOptions::reset_with(fill_norms::<C::Init, Rank2<N, F>, _, E, D>),
                )
            });
            #[allow(clippy::expect_used)] // as above
            let bias = C::BIAS.then(|| {
                Self::tensor(
                    "bias",
                    |s| s.bias.as_ref().expect("a linear map whose options say so has a bias"),
                    |s| s.bias.as_mut().expect("a linear map whose options say so has a bias"),
                    TensorOptions::reset_to_zeros(),
                )
            });
            visitor.visit_fields((weight, Optional(norm), Optional(bias)), |(weight, norm, bias)| Linear {
                weight,
                norm,
                bias,
                options: PhantomData,
            })
        }
    }

    impl<const F: usize, const N: usize, C: ConvOptions, E: Element, D: VisionDevice<E>> Linear<F, N, C, E, D> {
        /// The linear map of `x`.
        ///
        /// # Errors
        /// What the device refuses.
        pub fn apply<B: Dim, T: Tape<E, D>>(
            &self,
            x: Tensor<(B, Const<F>), E, D>,
            cx: &mut Cx<T>,
        ) -> Result<Tensor<(B, Const<N>), E, D>> {
            let weight = self.effective(cx)?.retaped::<T>();
            let bias = self.bias.as_ref().map(|bias| bias.retaped::<T>());
            cx.run(x, |x| {
                let y: Tensor<(B, Const<N>), E, D, T> = x.try_matmul(weight.try_permute()?)?;
                let shape = *y.shape();
                match bias {
                    Some(bias) => y.try_add(bias.try_broadcast_like::<_, Axis<0>>(&shape)?),
                    None => Ok(y),
                }
            })
        }

        /// The weight that maps: `weight` itself, or what weight normalisation makes of it, once in an unroll.
        fn effective<T: Tape<E, D>>(&self, cx: &mut Cx<T>) -> Result<Tensor<Rank2<N, F>, E, D>> {
            let Some(norm) = &self.norm else { return Ok(self.weight.clone()) };
            let weight = cx.derived(&self.weight, |cx| {
                let direction: Maps<E, D> = reshaped(self.weight.clone(), &(N, F, 1, 1))?;
                ops::weight_norm(&direction, norm, cx)
            })?;
            reshaped(weight, &Default::default())
        }
    }
}
