//! A norm over the batch.

use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Operation;
use crate::ops::{self, Affine};
use crate::unroll::{Context, Observed};
use dfdx::prelude::{HasShape, Tape};
use std::fmt::Debug;
use std::marker::PhantomData;

/// What differs between batch norms: a type, so that it can stand in a specification.
pub trait NormOptions: Clone + Debug + 'static {
    /// Added to a variance, so that it is not 0.
    const EPS: f64 = 1e-5;
    /// How much of a running moment one step replaces.
    const MOMENTUM: f64 = 0.1;
    /// Whether each channel has a trained shift; without one the bias stays 0.
    const SHIFT: bool = true;
    /// The scale at the beginning, in thousandths.
    const SCALE_PER_MILLE: usize = 1000;
}

/// Torch's defaults: 1e-5 is added to a variance, and a step replaces a tenth of a running moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct TorchNorm;
impl NormOptions for TorchNorm {}

/// Those of the networks in Keras after Spoerer et al. 2020: 1e-3 is added, and a step replaces a hundredth.
#[derive(Clone, Copy, Debug, Default)]
pub struct KerasNorm;
impl NormOptions for KerasNorm {
    const EPS: f64 = 1e-3;
    const MOMENTUM: f64 = 0.01;
}

/// Batch normalisation (Ioffe and Szegedy 2015): `y = w (x - mean) / sqrt(variance + eps) + b` for each channel, with `w`
/// and `b` trained. `O` are its options; [`BatchNorm`] is the one with torch's defaults.
///
/// A run that trains (see [`Mode`](crate::time::Mode)) normalises by the moments of its batch at that step; any other one by
/// the running moments, as do the areas that [`freeze_statistics`](crate::unroll::Stimulus::freeze_statistics) names. A run
/// does not change a model, so it hands its moments over instead of keeping them: take them from its
/// [`Context`](Context::take_statistics) and give them to the model by
/// [`Statistics::absorb`](crate::unroll::Statistics::absorb), which updates the running moments as `(1 - m) running + m batch` for each step, in
/// order, with `m` 0.1 unless the options say otherwise. One value for each channel, of one image with a map of one place, has no
/// variance, and is refused in a run that trains.
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{BatchNorm, Operation, Spec}, ops, time::{Mode, Plan}, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut norm: <BatchNorm<1> as Spec>::Built<f64, Cpu> = BuildModule::try_build(&dev).unwrap();
/// let x = ops::erase(dev.tensor([[[[1.0]]], [[[3.0]]]]))?;
/// let mut cx = Context::new(NoneTape, Plan::default()).in_mode(Mode::Training);
/// let y = BatchNorm::<1>::forward(&norm, x, &mut cx)?.as_vec();
/// assert!((y[0] + 1.0).abs() < 1e-4);
/// cx.take_statistics().absorb(&mut norm)?;
/// assert!((norm.running_mean.array()[0] - 0.1 * 2.0).abs() < 1e-12);
/// assert!((norm.running_var.array()[0] - (0.9 + 0.1 * 2.0)).abs() < 1e-12); // corrected for the sample
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchNormWith<const C: usize, O = TorchNorm>(PhantomData<O>);
crate::spec!(impl [const C: usize, O: NormOptions] BatchNormWith<C, O> => built::BatchNorm<C, E, D, O>);

/// [`BatchNormWith`] torch's defaults.
pub type BatchNorm<const C: usize> = BatchNormWith<C, TorchNorm>;

impl<const C: usize, O: NormOptions> Operation for BatchNormWith<C, O> {
    const CHANNELS: Option<usize> = Some(C);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let affine = Affine { weight: &built.weight, bias: &built.bias };
        if !cx.uses_batch_moments() {
            return ops::normalize(O::EPS, &x, (&built.running_mean, &built.running_var), affine, cx);
        }
        let (b, _, h, w) = *x.shape();
        if b * h * w == 1 {
            return Err(Error::Setting(
                "a batch norm that trains gets one image with a map of one value, which has no variance: give batches of two \
                 images or more (a last one, too), or freeze its statistics"
                    .into(),
            ));
        }
        let (y, moments) = ops::batch_norm(O::EPS, &x, affine, cx)?;
        let samples = (b * h * w) as f64;
        cx.observe(Observed::new(&built.running_mean, moments.mean, 1.0, O::MOMENTUM));
        let scale = samples / (samples - 1.0).max(1.0);
        cx.observe(Observed::new(&built.running_var, moments.variance, scale, O::MOMENTUM));
        Ok(y)
    }
}

pub(crate) mod built {
    use super::{NormOptions, TorchNorm};
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank1, Tensor};
    use std::marker::PhantomData;

    /// The weights and running moments of a [`BatchNormWith`](super::BatchNormWith).
    #[derive(Clone, Debug)]
    pub struct BatchNorm<const C: usize, E: Dtype, D: Device<E>, O = TorchNorm> {
        /// The scale of each channel; 1 at the beginning.
        pub weight: Tensor<Rank1<C>, E, D>,
        /// The shift of each channel; 0 at the beginning.
        pub bias: Tensor<Rank1<C>, E, D>,
        /// The running mean of each channel; no optimizer updates it.
        pub running_mean: Tensor<Rank1<C>, E, D>,
        /// The running variance of each channel, corrected for the sample; no optimizer updates it.
        pub running_var: Tensor<Rank1<C>, E, D>,
        options: PhantomData<O>,
    }

    impl<const C: usize, E: Dtype, D: Device<E>, O: NormOptions> TensorCollection<E, D> for BatchNorm<C, E, D, O> {
        type To<E2: Dtype, D2: Device<E2>> = BatchNorm<C, E2, D2, O>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let zeros = |t: &mut Tensor<Rank1<C>, E, D>| t.try_fill_with_zeros();
            let ones = |t: &mut Tensor<Rank1<C>, E, D>| t.try_fill_with_ones();
            let scale = TensorOptions::reset_with(|t: &mut Tensor<Rank1<C>, E, D>| {
                let scale = E::from_f64(O::SCALE_PER_MILLE as f64 / 1000.0).unwrap_or_default();
                t.copy_from(&[scale; C]);
                Ok(())
            });
            let shift = if O::SHIFT { TensorOptions::reset_to_zeros() } else { TensorOptions::detached(zeros) };
            visitor.visit_fields(
                (
                    Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, scale),
                    Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, shift),
                    Self::tensor(
                        "running_mean",
                        |s| &s.running_mean,
                        |s| &mut s.running_mean,
                        TensorOptions::detached(zeros),
                    ),
                    Self::tensor(
                        "running_var",
                        |s| &s.running_var,
                        |s| &mut s.running_var,
                        TensorOptions::detached(ones),
                    ),
                ),
                |(weight, bias, running_mean, running_var)| BatchNorm {
                    weight,
                    bias,
                    running_mean,
                    running_var,
                    options: PhantomData,
                },
            )
        }
    }
}
