//! Predictive coding: units that predict, and units that say by how much a prediction is wrong.

use super::conv_lstm::odd_kernel;
use super::convolved;
use crate::error::{Error, Result};
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::layer::sizes;
use crate::nn::{Conv2d, DefaultOptions, FanInUniform, Layer, built as weights};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Const, Tape};
use std::fmt::Debug;
use std::marker::PhantomData;

/// What the published forms of a [`RepresentationLstm`] differ in. One of your own is one `impl`.
pub trait RepresentationForm: Clone + Debug + 'static {
    /// Whether gates are `clamp(0.2 z + 0.5, 0, 1)`, as Keras 1 and 2 have it, or the logistic function.
    const HARD_GATES: bool;
    /// Whether the gates see the last cell through a convolution, and each convolution has a bias.
    const PEEPHOLES: bool;
}

/// The authors' code: hard gates, no peepholes (github.com/coxlab/prednet).
#[derive(Clone, Copy, Debug, Default)]
pub struct HardGates;
impl RepresentationForm for HardGates {
    const HARD_GATES: bool = true;
    const PEEPHOLES: bool = false;
}

/// The widely used port to torch: logistic gates, which see the last cell (github.com/leido/pytorch-prednet).
#[derive(Clone, Copy, Debug, Default)]
pub struct PeepholeGates;
impl RepresentationForm for PeepholeGates {
    const HARD_GATES: bool = false;
    const PEEPHOLES: bool = true;
}

/// The representation units of PredNet (Lotter, Kreiman and Cox 2017): a convolutional LSTM of `H` channels for an input of `I`,
/// with kernel `K` and the gates of `F`:
///
/// ```text
/// i, f, g, o = W x + U h + b    (+ V c + b' for i, f, o, of the last cell, with peepholes)
/// c = gate(f) c + gate(i) tanh(g)        h = gate(o) tanh(c)
/// ```
///
/// Unlike a [`ConvLstm`](crate::nn::ConvLstm) it answers also while it has no input, as if that were 0: what it gets are
/// errors of an earlier step, and at the first there are none. It keeps `cell`.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, H, H, W)`; `weight_ih: (4, H, I, K, K)`, `weight_hh: (4, H, H, K, K)`, `bias: (4, H)`, and with peepholes
/// `weight_ch: (3, H, H, K, K)`, `bias_hh: (4, H)`, `bias_ch: (3, H)`. Gates in the order i, f, g, o; peepholes i, f, o.
///
/// ```
/// use dynvision::{geometry::Map, nn::{Layer, RepresentationLstm}};
/// assert_eq!(<RepresentationLstm<10, 6>>::GEOMETRY.apply(Map::new(10, 2, 3)), Map::new(6, 2, 3));
/// assert!(<RepresentationLstm<10, 6, 2>>::MISFIT.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RepresentationLstm<const I: usize, const H: usize, const K: usize = 3, F = HardGates>(PhantomData<F>);
crate::spec!(impl [const I: usize, const H: usize, const K: usize, F: RepresentationForm]
    RepresentationLstm<I, H, K, F> => built::RepresentationLstm<I, H, K, F, E, D>);

impl<const I: usize, const H: usize, const K: usize, F: RepresentationForm> Layer for RepresentationLstm<I, H, K, F> {
    const GEOMETRY: Geometry = Geometry::conv(I, H, Window::same(K, 1));
    const MISFIT: Option<&'static str> = odd_kernel(K);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let [b, c, h, w] = sizes(cx.input(), cx);
        let zeros = |channels| built.bias.device().try_zeros_like(&(b, channels, h, w)).map_err(Error::device);
        let x = x.map_or_else(|| zeros(c), Ok)?;
        let last = own.ago(1).cloned().map_or_else(|| zeros(H), Ok)?;
        let cell = cx.memory("cell").map_or_else(|| zeros(H), Ok)?;
        let bias = ops::vector(&built.bias, cx)?;
        let bias_hh = built.bias_hh.as_ref().map(|bias| ops::vector(bias, cx)).transpose()?;
        let z = convolved(&x, &built.weight_ih, [4 * H, I, K, K], Some(&bias), None, cx)?;
        let z = convolved(&last, &built.weight_hh, [4 * H, H, K, K], bias_hh.as_ref(), Some(z), cx)?;
        let mut part = |n: usize| ops::slice(1, n * H..(n + 1) * H, &z, cx);
        let [mut i, mut f, g, mut o] = [part(0)?, part(1)?, part(2)?, part(3)?];
        if let (Some(weight), Some(bias)) = (&built.weight_ch, &built.bias_ch) {
            let bias = ops::vector(bias, cx)?;
            let seen = convolved(&cell, weight, [3 * H, H, K, K], Some(&bias), None, cx)?;
            for (n, gate) in [&mut i, &mut f, &mut o].into_iter().enumerate() {
                let seen = ops::slice(1, n * H..(n + 1) * H, &seen, cx)?;
                *gate = ops::add(gate.clone(), &seen, cx)?;
            }
        }
        let (i, f, o) = (gate::<F, E, D, T>(&i, cx)?, gate::<F, E, D, T>(&f, cx)?, gate::<F, E, D, T>(&o, cx)?);
        let kept = ops::mul(&f, &cell, cx)?;
        let new = ops::tanh(&g, cx)?;
        let new = ops::mul(&i, &new, cx)?;
        let cell = ops::add(kept, &new, cx)?;
        cx.remember("cell", &cell)?;
        let shown = ops::tanh(&cell, cx)?;
        ops::mul(&o, &shown, cx).map(Some)
    }
}

fn gate<F: RepresentationForm, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    z: &Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    if !F::HARD_GATES {
        return ops::sigmoid(z, cx);
    }
    let z = ops::affine(0.2, z, 0.5, cx)?;
    ops::clamp(&z, 0.0, 1.0, cx)
}

/// The error units of PredNet (Lotter, Kreiman and Cox 2017): of `A` channels that are there and `R` that predict them, in this
/// order, by a convolution with kernel `K`:
///
/// ```text
/// prediction = [W r + b]+ , at most MAX        e = ([prediction - a]+ , [a - prediction]+)
/// ```
///
/// `MAX` is the largest that a unit of `a` can be, 1 for images from 0 to 1; 0 says that there is no limit. It keeps `prediction`.
///
/// # Shapes
/// `(B, A + R, H, W)` to `(B, 2 A, H, W)`; `weight: (A, R, K, K)`, `bias: (A)`.
///
/// ```
/// use dynvision::{nn::{PredictionError, RepresentationLstm}, prelude::*};
/// /// A box of PredNet: what represents gets the errors of the last step.
/// #[dyn_model(input = [1, 8, 8], operations = [layer, record, delay])]
/// struct OneBox {
///     #[area(from = feedback(e))]
///     r: RepresentationLstm<2, 4>,
///     #[area(from = [input, r])]
///     e: PredictionError<1, 4, 3, 1>,
///     #[readout]
///     classifier: Classifier<2, 2>,
/// }
/// assert_eq!((OneBox::R.to_string(), OneBox::E.to_string()), ("4x8x8".into(), "2x8x8".into()));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PredictionError<const A: usize, const R: usize, const K: usize = 3, const MAX: usize = 0>;
crate::spec!(impl [const A: usize, const R: usize, const K: usize, const MAX: usize]
    PredictionError<A, R, K, MAX>
        => weights::Conv2d<Const<R>, Const<A>, Const<K>, 1, DefaultOptions<FanInUniform>, E, D>);

impl<const A: usize, const R: usize, const K: usize, const MAX: usize> Layer for PredictionError<A, R, K, MAX> {
    const GEOMETRY: Geometry = Geometry::conv(A + R, 2 * A, Conv2d::<R, A, K>::WINDOW);
    const MISFIT: Option<&'static str> = odd_kernel(K);
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let a = ops::slice(1, 0..A, &x, cx)?;
        let r = ops::slice(1, A..A + R, &x, cx)?;
        let prediction = built.forward(&r, None, cx)?;
        let prediction = match MAX {
            0 => ops::relu(prediction, cx)?,
            most => ops::clamp(&prediction, 0.0, most as f64, cx)?,
        };
        cx.remember("prediction", &prediction)?;
        let (above, below) = (ops::sub(&prediction, &a, cx)?, ops::sub(&a, &prediction, cx)?);
        let (above, below) = (ops::relu(above, cx)?, ops::relu(below, cx)?);
        ops::concatenate(&above, &below, cx).map(Some)
    }
}

pub(crate) mod built {
    use super::RepresentationForm;
    use crate::nn::init::{FanInUniform, fill_stacked};
    use crate::nn::optional::optional_tensor;
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank2, Rank5, Tensor};
    use std::marker::PhantomData;

    /// The weights of a [`RepresentationLstm`](super::RepresentationLstm).
    #[derive(Clone, Debug)]
    pub struct RepresentationLstm<const I: usize, const H: usize, const K: usize, F, E: Dtype, D: Device<E>> {
        /// Of the input, for i, f, g, o.
        pub weight_ih: Tensor<Rank5<4, H, I, K, K>, E, D>,
        /// Of the response.
        pub weight_hh: Tensor<Rank5<4, H, H, K, K>, E, D>,
        /// Of the cell, for i, f, o, with peepholes.
        pub weight_ch: Option<Tensor<Rank5<3, H, H, K, K>, E, D>>,
        /// Of the input.
        pub bias: Tensor<Rank2<4, H>, E, D>,
        /// Of the response, with peepholes.
        pub bias_hh: Option<Tensor<Rank2<4, H>, E, D>>,
        /// Of the cell, with peepholes.
        pub bias_ch: Option<Tensor<Rank2<3, H>, E, D>>,
        form: PhantomData<F>,
    }

    impl<const I: usize, const H: usize, const K: usize, F: RepresentationForm, E: Dtype, D: Device<E>>
        TensorCollection<E, D> for RepresentationLstm<I, H, K, F, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = RepresentationLstm<I, H, K, F, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let ih = TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>);
            let ih = Self::tensor("weight_ih", |s| &s.weight_ih, |s| &mut s.weight_ih, ih);
            let hh = TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>);
            let hh = Self::tensor("weight_hh", |s| &s.weight_hh, |s| &mut s.weight_hh, hh);
            let ch = TensorOptions::reset_with(fill_stacked::<FanInUniform, _, E, D>);
            let ch = optional_tensor(F::PEEPHOLES, "weight_ch", |s: &Self| &s.weight_ch, |s| &mut s.weight_ch, ch);
            let bias = Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros());
            let bias_hh = TensorOptions::reset_to_zeros();
            let bias_hh = optional_tensor(F::PEEPHOLES, "bias_hh", |s: &Self| &s.bias_hh, |s| &mut s.bias_hh, bias_hh);
            let bias_ch = TensorOptions::reset_to_zeros();
            let bias_ch = optional_tensor(F::PEEPHOLES, "bias_ch", |s: &Self| &s.bias_ch, |s| &mut s.bias_ch, bias_ch);
            visitor.visit_fields(
                (ih, hh, ch, bias, bias_hh, bias_ch),
                |(weight_ih, weight_hh, weight_ch, bias, bias_hh, bias_ch)| RepresentationLstm {
                    weight_ih,
                    weight_hh,
                    weight_ch,
                    bias,
                    bias_hh,
                    bias_ch,
                    form: PhantomData,
                },
            )
        }
    }
}
