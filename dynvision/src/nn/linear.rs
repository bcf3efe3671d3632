//! A linear map.

use super::conv_options::{ConvOptions, DefaultOptions, parametrized};
use super::init::TruncatedNormal;
use std::marker::PhantomData;

/// A linear map from `F` features to `N`: `x Wᵀ + b`. `C` says how it begins, whether it has a bias, and whether its
/// weight is normalised, symmetric, signed or masked, at row and column 0; its padding means nothing here.
///
/// # Shapes
/// `(B, F)` to `(B, N)`.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::{nn::{Linear, Spec}, parameters::parameters};
/// let map: <Linear<64, 10> as Spec>::Built<f32, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
/// let shapes: Vec<_> = parameters(&map).into_iter().map(|p| (p.name, p.shape)).collect();
/// assert_eq!(shapes, [("weight".to_owned(), vec![10, 64]), ("bias".to_owned(), vec![10])]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Linear<const F: usize, const N: usize, C = DefaultOptions<TruncatedNormal<4>>>(PhantomData<C>);
crate::spec!(impl [const F: usize, const N: usize, C: ConvOptions] Linear<F, N, C> => built::Linear<F, N, C, E, D>);

pub(crate) mod built {
    use super::*;
    use crate::autograd::Graph;
    use crate::error::Result;
    use crate::kernels::{Element, Maps, Matrix, VisionDevice};
    use crate::nn::init::{fill, fill_norms};
    use crate::nn::optional::optional_tensor;
    use crate::ops::{self, reshaped};
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{
        Axis, BroadcastTo, Device, Dtype, HasShape, PermuteTo, Rank1, Rank2, Tape, Tensor, TryAdd, TryMatMul,
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
            let norms = TensorOptions::reset_with(fill_norms::<C::Init, Rank2<N, F>, _, E, D>);
            let norm = optional_tensor(C::WEIGHT_NORM, "weight_g", |s: &Self| &s.norm, |s| &mut s.norm, norms);
            let zeros = TensorOptions::reset_to_zeros();
            let bias = optional_tensor(C::BIAS, "bias", |s: &Self| &s.bias, |s| &mut s.bias, zeros);
            visitor.visit_fields((weight, norm, bias), |(weight, norm, bias)| Linear {
                weight,
                norm,
                bias,
                options: PhantomData,
            })
        }
    }

    impl<const F: usize, const N: usize, C: ConvOptions, E: Element, D: VisionDevice<E>> Linear<F, N, C, E, D> {
        /// Returns `x Wᵀ + b`.
        ///
        /// # Shapes
        /// `(B, F)` to `(B, N)`.
        ///
        /// # Errors
        /// [`Error::Shape`](crate::error::Error::Shape) where `x` has not `F` features;
        /// [`Error::Device`](crate::error::Error::Device) where the device refuses.
        pub fn forward<T: Tape<E, D>>(&self, x: Matrix<E, D>, graph: &mut Graph<E, D, T>) -> Result<Matrix<E, D>> {
            let batch = x.shape().0;
            let x = reshaped(x, &(batch, F))?;
            let weight = self.effective_weight(graph)?.retaped::<T>();
            let bias = self.bias.as_ref().map(|bias| ops::vector(bias, graph)).transpose()?;
            graph.run(x, |x| {
                let y: Tensor<(usize, usize), E, D, T> = x.try_matmul(weight.try_permute()?)?;
                let shape = *y.shape();
                match bias {
                    Some(bias) => y.try_add(bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?),
                    None => Ok(y),
                }
            })
        }

        /// The weight that maps: `weight` itself, or what its options make of it, once in an unroll.
        fn effective_weight<T: Tape<E, D>>(&self, graph: &mut Graph<E, D, T>) -> Result<Matrix<E, D>> {
            const { assert!(!C::SYMMETRIC || F == N, "a symmetric weight has as many inputs as outputs") };
            let weight: Maps<E, D> = reshaped(self.weight.clone(), &(N, F, 1, 1))?;
            let weight = parametrized::<C, E, D, T>(&self.weight, weight, self.norm.as_ref(), 1, graph)?;
            reshaped(weight, &(N, F))
        }
    }
}
