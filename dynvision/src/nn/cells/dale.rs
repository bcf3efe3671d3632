//! Dale's law in feedforward networks.

use crate::error::{Error, Result};
use crate::geometry::{Conv, Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Layer;
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{HasShape, ReshapeTo, Shape, Tape, Tensor};

/// A layer of separate excitatory and inhibitory units (DANN; Cornford et al. 2021): `O` excitatory maps are excited by the
/// input, and `N` linear inhibitory maps both subtract from them and divide them:
///
/// ```text
/// e = We x      i = Wi x      gamma = Wei (exp(alpha) i) + 1e-8
/// y = g (e - Wei i) / gamma + b
/// ```
///
/// with one `alpha` for each inhibitory map and one `g` and `b` for each excitatory one. `We`, `Wi`, `Wei` and `g` are not
/// negative: what is below 0 in the parameters acts as 0, in an import or a checkpoint as well, while its gradient passes, so
/// that it can come back. The paper also sets it to 0 after each update: [`constrain`](built::Dann::constrain), by
/// [`Trainer::constrained`](crate::train::Trainer::constrained). Rectification is the model's nonlinearity. On maps of one
/// place it is the dense layer of the paper.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H, W)`, with kernel `K` and padding `K / 2`.
///
/// ```
/// use dynvision::{nn::Dann, prelude::*};
/// #[dyn_model(input = [3, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct Net {
///     v1: Dann<3, 6, 2>,
///     #[readout]
///     classifier: Classifier<6, 2>,
/// }
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Net, f32>();
/// assert!(net.v1.wei.as_vec().iter().all(|&w| w >= 0.0));
/// net.v1.wei = dev.tensor([[-0.5; 2]; 6]);
/// net.v1.constrain()?;
/// assert_eq!(net.v1.wei.array(), [[0.0; 2]; 6]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Dann<const I: usize, const O: usize, const N: usize, const K: usize = 3>;
crate::spec!(impl [const I: usize, const O: usize, const N: usize, const K: usize]
    Dann<I, O, N, K> => built::Dann<I, O, N, K, E, D>);

impl<const I: usize, const O: usize, const N: usize, const K: usize> Layer for Dann<I, O, N, K> {
    const GEOMETRY: Geometry = Geometry::conv(I, O, Window::same(K, 1));
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let (point, place) = (Conv::new(Window::POINT), Conv::new(Window::same(K, 1)));
        let wex = positive(&built.wex, [O, I, K, K], cx)?;
        let wix = positive(&built.wix, [N, I, K, K], cx)?;
        let wei = positive(&built.wei, [O, N, 1, 1], cx)?;
        let g = positive(&built.g, [1, O, 1, 1], cx)?;
        let e = ops::conv2d(&place, &x, &wex, None, None, cx)?;
        let i = ops::conv2d(&place, &x, &wix, None, None, cx)?;
        let gain = cx.run(built.alpha.clone(), |alpha| alpha.try_exp())?;
        let shunting = ops::scale(&i, &gain, cx)?;
        let gamma = ops::conv2d(&point, &shunting, &wei, None, None, cx)?;
        let gamma = ops::affine(1.0, &gamma, 1e-8, cx)?;
        let subtracted = ops::conv2d(&point, &i, &wei, None, None, cx)?;
        let difference = ops::sub(&e, &subtracted, cx)?;
        let z = ops::div(&difference, &gamma, cx)?;
        let z = ops::scale(&z, &ops::reshaped(g, &(O,))?, cx)?;
        ops::add_bias(z, &built.b, cx).map(Some)
    }
}

/// A parameter without what is below 0 in it, once in an unroll; the gradient passes as it is.
fn positive<S: Shape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    raw: &Tensor<S, E, D>,
    [o, i, h, w]: [usize; 4],
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    cx.derived(raw, |graph| {
        let raw: Maps<E, D> = ops::reshaped(raw.clone(), &(o, i, h, w))?;
        let values = raw.device().relu(raw.clone()).map_err(Error::device)?;
        ops::straight_through(&values, &raw, graph)
    })
}

impl<const I: usize, const O: usize, const N: usize, const K: usize, E: Element, D: VisionDevice<E>>
    built::Dann<I, O, N, K, E, D>
{
    /// Sets what has become negative of the weights and of `g` to 0: after each update, so that Dale's law holds.
    ///
    /// # Errors
    /// [`Error::Device`] where the device refuses.
    pub fn constrain(&mut self) -> Result<()> {
        rectify(&mut self.wex)?;
        rectify(&mut self.wix)?;
        rectify(&mut self.wei)?;
        rectify(&mut self.g)
    }
}

/// Sets negative elements to 0; the tensor keeps its identity.
fn rectify<S: Shape, E: Element, D: VisionDevice<E>>(t: &mut Tensor<S, E, D>) -> Result<()> {
    let units = t.shape().num_elements();
    let maps: Maps<E, D> = ops::reshaped(t.clone().try_contiguous().map_err(Error::device)?, &(units, 1, 1, 1))?;
    let values = t.device().relu(maps).map_err(Error::device)?.as_vec();
    t.copy_from(&values);
    Ok(())
}

pub(crate) mod built {
    use crate::nn::init::{fill, fill_constant};
    use crate::nn::optional::weights;
    use crate::nn::{FanInUniform, Init};
    use dfdx::nn::TensorOptions;
    use dfdx::prelude::{Rank1, Rank2, Rank4, Tensor};
    use rand::Rng;

    /// Uniform between 0 and twice `1 / fan_in`: positive weights whose sum is about 1.
    struct Positive;
    impl Init for Positive {
        fn sample<R: Rng + ?Sized>(rng: &mut R, fan_in: usize, channels: (usize, usize)) -> f64 {
            FanInUniform::sample(rng, fan_in * fan_in, channels).abs() * 2.0
        }
    }

    weights! {
        /// The weights of a [`Dann`](super::Dann).
        pub struct Dann[I, O, N, K] {(
            /// From the input to excitatory units.
            wex: Tensor<Rank4<O, I, K, K>, E, D> = tensor("wex", TensorOptions::reset_with(fill::<Positive, _, E, D>)),
            /// From the input to inhibitory units.
            wix: Tensor<Rank4<N, I, K, K>, E, D> = tensor("wix", TensorOptions::reset_with(fill::<Positive, _, E, D>)),
            /// From inhibitory to excitatory units.
            wei: Tensor<Rank2<O, N>, E, D> = tensor("wei", TensorOptions::reset_with(fill::<Positive, _, E, D>)),
            /// The logarithm of how much more an inhibitory unit divides than subtracts.
            alpha: Tensor<Rank1<N>, E, D> = tensor("alpha", TensorOptions::reset_with(fill_constant::<0, _, E, D>)),
            /// The gain of an excitatory unit.
            g: Tensor<Rank1<O>, E, D> = tensor("g", TensorOptions::reset_to_ones()),
            /// Its bias.
            b: Tensor<Rank1<O>, E, D> = tensor("b", TensorOptions::reset_to_zeros()),
        )}
    }
}
