//! The horizontal gated recurrent unit.

use super::conv_lstm::odd_kernel;
use super::{convolved, filled, weighed};
use crate::error::{Error, Result};
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::conv_options::symmetric;
use crate::nn::{BatchNormWith, Layer, NormOptions, Operation};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Tape, Tensor};
use std::fmt::Debug;
use std::marker::PhantomData;

/// What differs between the forms of an [`HGru`]: a type, so that it can stand in a specification.
pub trait HGruOptions: Clone + Debug + 'static {
    /// Whether `k = tanh(kappa h1 + gamma c2 + omega h1 c2)` and `h2 = (1 - g2) h2 + g2 k`, as the paper writes it; else, as
    /// its code has it, `k = tanh(kappa (h1 + gamma c2) + omega h1 gamma c2)` and `h2 = g2 h2 + (1 - g2) k`.
    const PAPER: bool;
    /// Whether gates and convolutions are normalised over the batch, with one norm for all steps.
    const NORM: bool = false;
    /// Whether the kernel is kept symmetric in its channels: the mean of itself and its transpose acts, so that its gradient
    /// is symmetric as well.
    const SYMMETRIC: bool = false;
}

/// The form that the paper writes, and a port to torch.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaperForm;
impl HGruOptions for PaperForm {
    const PAPER: bool = true;
}
/// The form of the authors' code, with a symmetric kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishedForm;
impl HGruOptions for PublishedForm {
    const PAPER: bool = false;
    const SYMMETRIC: bool = true;
}
/// [`PublishedForm`] with its four batch norms.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishedFormBatchNorm;
impl HGruOptions for PublishedFormBatchNorm {
    const PAPER: bool = false;
    const NORM: bool = true;
    const SYMMETRIC: bool = true;
}

/// The options of the norms of an [`HGru`]: a scale that begins at 0.1, no shift.
#[derive(Clone, Copy, Debug, Default)]
pub struct HGruNorm;
impl NormOptions for HGruNorm {
    const EPS: f64 = 1e-3;
    const MOMENTUM: f64 = 1e-3;
    const SHIFT: bool = false;
    const SCALE_PER_MILLE: usize = 100;
}
type Norm<const C: usize> = BatchNormWith<C, HGruNorm>;

/// The horizontal gated recurrent unit (Linsley et al. 2018) of `C` channels, whose horizontal connections reach over a
/// kernel `K`. With the norm `N` (none unless `O` says so) and one weight for each channel in Greek letters:
///
/// ```text
/// g1 = sigmoid(N(U1 h2 + b1))     c1 = N(W (h2 g1))     h1 = tanh(x - (alpha h2 + mu) c1)
/// g2 = sigmoid(N(U2 h1 + b2))     c2 = N(W h1)          k, h2 by the form O
/// h2 = eta_t h2                                         where T > 0: one number for each of T steps
/// ```
///
/// Its response is `h2`, which begins at 0 or as the state says; `h1` is the memory `h1` of its area. While it has no input
/// it is silent.
///
/// # Shapes
/// `(B, C, H, W)`, as it was; `W: (C, C, K, K)`, `U1`, `U2`: `(C, C)`.
///
/// # Errors
/// [`Error::Setting`] at step `T + 1`, where there is an `eta` for each step.
///
/// ```
/// use dynvision::{nn::{HGru, Layer, PaperForm}, geometry::Map};
/// assert_eq!(<HGru<25, 15, 8, PaperForm>>::GEOMETRY.apply(Map::new(25, 150, 150)), Map::new(25, 150, 150));
/// assert!(<HGru<25, 14>>::MISFIT.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HGru<const C: usize, const K: usize = 15, const T: usize = 0, O = PublishedForm>(PhantomData<O>);
crate::spec!(impl [const C: usize, const K: usize, const N: usize, O: HGruOptions]
    HGru<C, K, N, O> => built::HGru<C, K, N, E, D, O>);

impl<const C: usize, const K: usize, const N: usize, O: HGruOptions> Layer for HGru<C, K, N, O> {
    const GEOMETRY: Geometry = Geometry::conv(C, C, Window::same(K, 1));
    const MISFIT: Option<&'static str> = odd_kernel(K);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let h2 = match own.ago(1) {
            Some(h) => h.clone(),
            None => filled(0.0, &x, C)?,
        };
        let horizontal = built.kernel(cx)?;
        let g1 = weighed(&h2, &built.gain, [C, C], None, cx)?;
        let g1 = ops::add_bias(g1, &built.gain_bias, cx)?;
        let g1 = normed(&built.g1_bn, g1, cx)?;
        let g1 = ops::sigmoid(&g1, cx)?;
        let gated = ops::mul(&h2, &g1, cx)?;
        let c1 = convolved(&gated, &horizontal, [C, C, K, K], None, None, cx)?;
        let c1 = normed(&built.c1_bn, c1, cx)?;
        let inhibition = ops::scale(&h2, &built.alpha, cx)?;
        let inhibition = ops::add_bias(inhibition, &built.mu, cx)?;
        let inhibition = ops::mul(&inhibition, &c1, cx)?;
        let h1 = ops::sub(&x, &inhibition, cx)?;
        let h1 = ops::tanh(&h1, cx)?;
        cx.remember("h1", &h1)?;
        let g2 = weighed(&h1, &built.mix, [C, C], None, cx)?;
        let g2 = ops::add_bias(g2, &built.mix_bias, cx)?;
        let g2 = normed(&built.g2_bn, g2, cx)?;
        let g2 = ops::sigmoid(&g2, cx)?;
        let c2 = convolved(&h1, &horizontal, [C, C, K, K], None, None, cx)?;
        let c2 = normed(&built.c2_bn, c2, cx)?;
        let excitation = ops::scale(&c2, &built.gamma, cx)?;
        let (sum, product) = match O::PAPER {
            true => {
                let sum = ops::scale(&h1, &built.kappa, cx)?;
                (ops::add(sum, &excitation, cx)?, ops::mul(&h1, &c2, cx)?)
            }
            false => {
                let product = ops::mul(&h1, &excitation, cx)?;
                let sum = ops::add(excitation, &h1, cx)?;
                (ops::scale(&sum, &built.kappa, cx)?, product)
            }
        };
        let product = ops::scale(&product, &built.omega, cx)?;
        let k = ops::add(sum, &product, cx)?;
        let k = ops::tanh(&k, cx)?;
        let y = if O::PAPER { ops::mix(&g2, &k, &h2, cx)? } else { ops::mix(&g2, &h2, &k, cx)? };
        let Some(eta) = &built.eta else { return Ok(Some(y)) };
        let step = cx.update();
        if step >= N {
            return Err(Error::Setting(format!(
                "an `HGru` adapts by one number for each of {N} steps, but this is step {}; give it more, or run fewer steps",
                step + 1
            )));
        }
        let eta: Tensor<(usize,), E, D> = ops::slice(0, step..step + 1, eta, cx)?;
        let eta: Tensor<(), E, D> = ops::reshaped(eta, &())?;
        ops::scale(&y, &eta, cx).map(Some)
    }
}

fn normed<const C: usize, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    norm: &Option<super::super::built::BatchNorm<C, E, D, HGruNorm>>,
    x: Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    match norm {
        Some(norm) => Norm::<C>::forward(norm, x, cx),
        None => Ok(x),
    }
}

impl<const C: usize, const K: usize, const N: usize, O: HGruOptions, E: Element, D: VisionDevice<E>>
    built::HGru<C, K, N, E, D, O>
{
    /// The kernel that acts: itself, or the mean of itself and its transpose.
    fn kernel<T: Tape<E, D>>(&self, cx: &mut Context<E, D, T>) -> Result<Maps<E, D>> {
        let kernel = ops::erase(self.horizontal.clone())?;
        if !O::SYMMETRIC {
            return Ok(kernel);
        }
        cx.derived(&self.horizontal, |graph| symmetric(kernel, graph))
    }
}

pub(crate) mod built {
    use super::{HGruNorm, HGruOptions};
    use crate::nn::built::BatchNorm;
    use crate::nn::init::{FanInUniform, fill};
    use crate::nn::optional::{optional_module, optional_tensor};
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank1, Rank2, Rank4, Tensor};
    use std::marker::PhantomData;

    /// The weights of an [`HGru`](super::HGru).
    #[derive(Clone, Debug)]
    pub struct HGru<const C: usize, const K: usize, const N: usize, E: Dtype, D: Device<E>, O> {
        /// `W`, the horizontal connections.
        pub horizontal: Tensor<Rank4<C, C, K, K>, E, D>,
        /// `U1`.
        pub gain: Tensor<Rank2<C, C>, E, D>,
        /// `U2`.
        pub mix: Tensor<Rank2<C, C>, E, D>,
        /// `b1`.
        pub gain_bias: Tensor<Rank1<C>, E, D>,
        /// `b2`.
        pub mix_bias: Tensor<Rank1<C>, E, D>,
        /// Inhibition that grows with the state.
        pub alpha: Tensor<Rank1<C>, E, D>,
        /// Inhibition that does not.
        pub mu: Tensor<Rank1<C>, E, D>,
        /// Excitation.
        pub gamma: Tensor<Rank1<C>, E, D>,
        /// The sum's part.
        pub kappa: Tensor<Rank1<C>, E, D>,
        /// The product's part.
        pub omega: Tensor<Rank1<C>, E, D>,
        /// Adaptation: one number for each step, if there are any.
        pub eta: Option<Tensor<Rank1<N>, E, D>>,
        /// The norm of the first gate.
        pub g1_bn: Option<BatchNorm<C, E, D, HGruNorm>>,
        /// The norm of the second gate.
        pub g2_bn: Option<BatchNorm<C, E, D, HGruNorm>>,
        /// The norm of the first convolution.
        pub c1_bn: Option<BatchNorm<C, E, D, HGruNorm>>,
        /// The norm of the second convolution.
        pub c2_bn: Option<BatchNorm<C, E, D, HGruNorm>>,
        options: PhantomData<O>,
    }

    impl<const C: usize, const K: usize, const N: usize, E: Dtype, D: Device<E>, O: HGruOptions> TensorCollection<E, D>
        for HGru<C, K, N, E, D, O>
    {
        type To<E2: Dtype, D2: Device<E2>> = HGru<C, K, N, E2, D2, O>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let square = || TensorOptions::reset_with(fill::<FanInUniform, _, E, D>);
            let ones = TensorOptions::reset_to_ones;
            let zeros = TensorOptions::reset_to_zeros;
            visitor.visit_fields(
                (
                    (
                        Self::tensor(
                            "horizontal",
                            |s| &s.horizontal,
                            |s| &mut s.horizontal,
                            TensorOptions::reset_with(fill::<FanInUniform, _, E, D>),
                        ),
                        Self::tensor("gain", |s| &s.gain, |s| &mut s.gain, square()),
                        Self::tensor("mix", |s| &s.mix, |s| &mut s.mix, square()),
                        Self::tensor("gain_bias", |s| &s.gain_bias, |s| &mut s.gain_bias, zeros()),
                        Self::tensor("mix_bias", |s| &s.mix_bias, |s| &mut s.mix_bias, zeros()),
                        optional_tensor(
                            N > 0,
                            "eta",
                            |s: &Self| &s.eta,
                            |s| &mut s.eta,
                            TensorOptions::reset_to_ones(),
                        ),
                    ),
                    (
                        Self::tensor("alpha", |s| &s.alpha, |s| &mut s.alpha, ones()),
                        Self::tensor("mu", |s| &s.mu, |s| &mut s.mu, zeros()),
                        Self::tensor("gamma", |s| &s.gamma, |s| &mut s.gamma, ones()),
                        Self::tensor("kappa", |s| &s.kappa, |s| &mut s.kappa, ones()),
                        Self::tensor("omega", |s| &s.omega, |s| &mut s.omega, ones()),
                    ),
                    (
                        optional_module(O::NORM, "g1_bn", |s: &Self| &s.g1_bn, |s| &mut s.g1_bn),
                        optional_module(O::NORM, "g2_bn", |s: &Self| &s.g2_bn, |s| &mut s.g2_bn),
                        optional_module(O::NORM, "c1_bn", |s: &Self| &s.c1_bn, |s| &mut s.c1_bn),
                        optional_module(O::NORM, "c2_bn", |s: &Self| &s.c2_bn, |s| &mut s.c2_bn),
                    ),
                ),
                |(
                    (horizontal, gain, mix, gain_bias, mix_bias, eta),
                    (alpha, mu, gamma, kappa, omega),
                    (g1_bn, g2_bn, c1_bn, c2_bn),
                )| HGru {
                    horizontal,
                    gain,
                    mix,
                    gain_bias,
                    mix_bias,
                    alpha,
                    mu,
                    gamma,
                    kappa,
                    omega,
                    eta,
                    g1_bn,
                    g2_bn,
                    c1_bn,
                    c2_bn,
                    options: PhantomData,
                },
            )
        }
    }
}
