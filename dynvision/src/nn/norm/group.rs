//! Norms within each sample.

use super::EPS;
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Operation;
use crate::ops::{self, Affine};
use crate::unroll::Context;
use dfdx::prelude::Tape;

/// Group normalisation (Wu and He 2018): `C` channels in `GROUPS` groups of adjacent ones,
/// `y = w (x - mean) / sqrt(variance + 1e-5) + b` with the moments of a sample's group, and `w` and `b` trained for each
/// channel.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{GroupNorm, Operation, Spec}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let norm: <GroupNorm<2, 4> as Spec>::Built<f64, Cpu> = BuildModule::try_build(&dev).unwrap();
/// let mut cx = Context::new(NoneTape, Plan::default());
/// let x = ops::erase(dev.tensor([[[[1.0]], [[3.0]], [[8.0]], [[8.0]]]]))?;
/// let y = GroupNorm::<2, 4>::forward(&norm, x, &mut cx)?.as_vec();
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4 && y[2] == 0.0);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupNorm<const GROUPS: usize, const C: usize>;
crate::spec!(impl [const GROUPS: usize, const C: usize] GroupNorm<GROUPS, C> => built::GroupNorm<C, E, D>);

/// A sample's channels, rows and columns as one group, scaled and shifted for each channel.
pub type LayerNorm<const C: usize> = GroupNorm<1, C>;

impl<const GROUPS: usize, const C: usize> Operation for GroupNorm<GROUPS, C> {
    const CHANNELS: Option<usize> = Some(C);
    const MISFIT: Option<&'static str> = match GROUPS > 0 && C.is_multiple_of(GROUPS) {
        true => None,
        false => Some("the groups of a `GroupNorm<GROUPS, CHANNELS>` must divide its channels"),
    };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::group_norm(GROUPS, EPS, &x, Affine { weight: &built.weight, bias: &built.bias }, cx)
    }
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank1, Tensor};

    /// The weights of a [`GroupNorm`](super::GroupNorm).
    #[derive(Clone, Debug)]
    pub struct GroupNorm<const C: usize, E: Dtype, D: Device<E>> {
        /// The scale of each channel; 1 at the beginning.
        pub weight: Tensor<Rank1<C>, E, D>,
        /// The shift of each channel; 0 at the beginning.
        pub bias: Tensor<Rank1<C>, E, D>,
    }

    impl<const C: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for GroupNorm<C, E, D> {
        type To<E2: Dtype, D2: Device<E2>> = GroupNorm<C, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_ones()),
                    Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
                ),
                |(weight, bias)| GroupNorm { weight, bias },
            )
        }
    }
}
