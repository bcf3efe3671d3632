//! One weight for the whole area.

use super::Connection;
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, Step};
use crate::unroll::Context;
use dfdx::prelude::Tape;
use std::fmt::Debug;
use std::marker::PhantomData;

/// Whether, and from where, a self connection learns: a type, since optimizers cannot see a value.
pub trait SelfWeight: Clone + Debug + 'static {
    /// Whether optimizers update the weight.
    const TRAINED: bool;
    /// Whether there is a bias.
    const BIAS: bool;
    /// The weight at the beginning, in thousandths; `None` to draw it from ±0.2.
    const PER_MILLE: Option<i64>;
}
/// Trained, with a bias; drawn from ±0.2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trained;
impl SelfWeight for Trained {
    const TRAINED: bool = true;
    const BIAS: bool = true;
    const PER_MILLE: Option<i64> = None;
}
/// Trained, without a bias; drawn from ±0.2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unbiased;
impl SelfWeight for Unbiased {
    const TRAINED: bool = true;
    const BIAS: bool = false;
    const PER_MILLE: Option<i64> = None;
}
/// Trained, without a bias; begins at so many thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainedFrom<const PER_MILLE: i64>;
impl<const PER_MILLE: i64> SelfWeight for TrainedFrom<PER_MILLE> {
    const TRAINED: bool = true;
    const BIAS: bool = false;
    const PER_MILLE: Option<i64> = Some(PER_MILLE);
}
/// Fixed at so many thousandths, without a bias: it stays there (the original trains its "fixed" weights).
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<const PER_MILLE: i64 = 1000>;
impl<const PER_MILLE: i64> SelfWeight for Fixed<PER_MILLE> {
    const TRAINED: bool = false;
    const BIAS: bool = false;
    const PER_MILLE: Option<i64> = Some(PER_MILLE);
}

/// Every unit acts on itself, with one weight for the whole area (the original's `SelfConnection`): `weight h + bias`.
/// Unlike the original's, a bias of zero is added and trained as any other.
///
/// # Shapes
/// State and contribution `(B, C, H, W)`.
///
/// ```
/// use dynvision::{nn::{Connection, Fixed, SelfRecurrence, Spec}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// type Half = SelfRecurrence<Fixed<500>>;
/// let dev = Cpu::default();
/// let weights: <Half as Spec>::Built<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
/// let h = ops::erase(dev.tensor([[[[2.0, -4.0]]]]))?;
/// let y = Half::forward(&weights, &h, None, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [1.0, -2.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SelfRecurrence<S = Trained>(PhantomData<S>);

crate::spec!(impl [S: SelfWeight] SelfRecurrence<S> => built::SelfRecurrence<S, E, D>);

impl<S: SelfWeight> Connection for SelfRecurrence<S> {
    const SAME_CHANNELS: bool = true;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::scale_shift(h, &weights.weight, weights.bias.as_ref(), onto, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        weights: &Self::Built<E, D>,
        h: &Maps<E, D>,
        onto: Option<Maps<E, D>>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::scale_shift_leaky(h, &weights.weight, weights.bias.as_ref(), onto, step, cx)
    }
}

/// What holds the weight.
pub(crate) mod built {
    use super::SelfWeight;
    use crate::nn::optional::optional_tensor;
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::*;
    use std::marker::PhantomData;

    /// One weight, and a bias if there is one.
    #[derive(Clone, Debug)]
    pub struct SelfRecurrence<S, E: Dtype, D: Device<E>> {
        /// The weight.
        pub weight: Tensor<(), E, D>,
        /// The bias.
        pub bias: Option<Tensor<(), E, D>>,
        kind: PhantomData<S>,
    }

    fn begin<S: SelfWeight, E: Dtype, D: Device<E>>(t: &mut Tensor<(), E, D>) -> Result<(), D::Err> {
        match S::PER_MILLE {
            Some(weight) => {
                t.try_fill_with_ones()?;
                let weight = E::from_f64(weight as f64 / 1000.0).unwrap_or_default();
                *t = t.clone().try_mul(weight)?;
                Ok(())
            }
            None => crate::nn::init::fill::<crate::nn::Uniform<200>, _, E, D>(t),
        }
    }

    impl<S: SelfWeight, E: Dtype, D: Device<E>> TensorCollection<E, D> for SelfRecurrence<S, E, D> {
        type To<E2: Dtype, D2: Device<E2>> = SelfRecurrence<S, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let options = if S::TRAINED {
                TensorOptions::reset_with(begin::<S, E, D>)
            } else {
                TensorOptions::detached(begin::<S, E, D>)
            };
            let weight = Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, options);
            let zeros = TensorOptions::reset_to_zeros();
            let bias = optional_tensor(S::BIAS, "bias", |s: &Self| &s.bias, |s| &mut s.bias, zeros);
            visitor.visit_fields((weight, bias), |(weight, bias)| SelfRecurrence { weight, bias, kind: PhantomData })
        }
    }
}
