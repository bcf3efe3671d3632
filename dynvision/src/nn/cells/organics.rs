//! Divisive normalisation as a recurrent circuit, and at its fixed point.

use super::{convolved, filled, weighed};
use crate::error::Result;
use crate::geometry::{Geometry, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::nn::Layer;
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Shape, Tape, Tensor};

/// A circuit whose fixed point is divisive normalisation (ORGaNICs as Rawat, Heeger and Martiniani 2024 train them), of `N`
/// principal units `y` with modulators `a`, `b0` and `b1`, driven by `I` inputs. All four move from the old state:
///
/// ```text
/// z = relu(Wzx x)      B0, B1 = sigmoid(Wbx x + Wby y + Wba a)
/// y  += ty (-y + b1 z + (1 - sqrt(relu(a))) relu(Wr y))
/// a  += ta (-a + sigma² b0² + Way (relu(y)² relu(a)))      Way = min(exp(log_way), 1)
/// b0 += t0 (B0 - b0)      b1 += t1 (B1 - b1)
/// ```
///
/// Rates are trained for each unit, `sigmoid(rate)` times at most `Y`, `A`, `B` and `B` thousandths. Its response is `y`, from 0;
/// `a`, `b0` and `b1` are memories of its area, from 1, or as the state says. `sigma` is not trained. While it has no input
/// it is silent.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, N, H, W)`; the units of one place form one circuit. On maps of one place it is that of the paper.
///
/// ```
/// use dynvision::{nn::{Layer, Organics}, geometry::Map};
/// assert_eq!(<Organics<5, 6>>::GEOMETRY.apply(Map::new(5, 1, 1)), Map::new(6, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Organics<const I: usize, const N: usize, const Y: usize = 300, const A: usize = 300, const B: usize = 500>;
crate::spec!(impl [const I: usize, const N: usize, const Y: usize, const A: usize, const B: usize]
    Organics<I, N, Y, A, B> => built::Organics<I, N, E, D>);

impl<const I: usize, const N: usize, const Y: usize, const A: usize, const B: usize> Layer for Organics<I, N, Y, A, B> {
    const GEOMETRY: Geometry = Geometry::conv(I, N, Window::POINT);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let begins = |kept: Option<Maps<E, D>>, value| kept.map_or_else(|| filled(value, &x, N), Ok);
        let y = begins(own.ago(1).cloned(), 0.0)?;
        let (a, b0, b1) = (begins(cx.memory("a"), 1.0)?, begins(cx.memory("b0"), 1.0)?, begins(cx.memory("b1"), 1.0)?);

        let z = weighed(&x, &built.wzx, [N, I], None, cx)?;
        let z = ops::relu(z, cx)?;
        let recurrent = weighed(&y, &built.wr, [N, N], None, cx)?;
        let recurrent = ops::relu(recurrent, cx)?;
        let target = |of_x, of_y, of_a, cx: &mut Context<E, D, T>| -> Result<Maps<E, D>> {
            let sum = weighed(&x, of_x, [N, I], None, cx)?;
            let sum = weighed::<dfdx::prelude::Rank2<N, N>, E, D, T>(&y, of_y, [N, N], Some(sum), cx)?;
            let sum = weighed::<dfdx::prelude::Rank2<N, N>, E, D, T>(&a, of_a, [N, N], Some(sum), cx)?;
            ops::sigmoid(&sum, cx)
        };
        let b0_target = target(&built.wbx0, &built.wby0, &built.wba0, cx)?;
        let b1_target = target(&built.wbx1, &built.wby1, &built.wba1, cx)?;

        let a_positive = ops::relu(a.clone(), cx)?;
        let root = cx.run(a_positive.clone(), |a| a.try_sqrt())?;
        let rest = ops::affine(-1.0, &root, 1.0, cx)?;
        let driven = ops::mul(&b1, &z, cx)?;
        let amplified = ops::mul(&rest, &recurrent, cx)?;
        let y_target = ops::add(driven, &amplified, cx)?;

        let noise = ops::scale(&b0, &built.sigma, cx)?;
        let noise = cx.run(noise, |noise| noise.try_square())?;
        let energy = ops::relu(y.clone(), cx)?;
        let energy = cx.run(energy, |y| y.try_square())?;
        let energy = ops::mul(&energy, &a_positive, cx)?;
        let pool = cx.derived(&built.log_way, |graph| {
            let weight: Maps<E, D> = ops::reshaped(built.log_way.clone(), &(N, N, 1, 1))?;
            let weight = graph.run(weight, |weight| weight.try_exp())?;
            ops::clamp(&weight, 0.0, 1.0, graph)
        })?;
        let a_target = weighed(&energy, &pool, [N, N], Some(noise), cx)?;

        let y = towards(&y, &y_target, &built.rate_y, Y, cx)?;
        let a = towards(&a, &a_target, &built.rate_a, A, cx)?;
        let b0 = towards(&b0, &b0_target, &built.rate_b0, B, cx)?;
        let b1 = towards(&b1, &b1_target, &built.rate_b1, B, cx)?;
        cx.remember("a", &a)?;
        cx.remember("b0", &b0)?;
        cx.remember("b1", &b1)?;
        Ok(Some(y))
    }
}

/// `h + most sigmoid(rate) (target - h)`, with `most` in thousandths.
fn towards<S: Shape<Concrete: ops::RunTimeSizes>, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    h: &Maps<E, D>,
    target: &Maps<E, D>,
    rate: &Tensor<S, E, D>,
    most: usize,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let most = E::from_f64(most as f64 / 1000.0).unwrap_or_default();
    let rate = cx.run(rate.clone(), |rate| dfdx::prelude::TryMul::try_mul(rate.try_sigmoid()?, most))?;
    let change = ops::sub(target, h, cx)?;
    let change = ops::scale(&change, &rate, cx)?;
    ops::add(change, h, cx)
}

/// The core circuit of Heeger and Mackey 2019 with rectified modulators, of `N` principal units `y`, driven by `I` inputs:
///
/// ```text
/// tau dy/dt = -y + b+ / (1 + b+) (Wzx x + cz) + 1 / (1 + a+) (Wyy y + cy)
/// tau_a da/dt = -a + Wax x + Way y + ca      tau_b db/dt = -b + Wbx x + Wby y + cb
/// ```
///
/// by Euler's method with the model's `dt`. `tau` is that of the area, `tau_a` and `tau_b` are `A` and `B` microseconds. Its
/// response is `y`; `a` and `b` are memories of its area. All begin at 0. While it has no input it is silent.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, N, H, W)`; the units of one place form one circuit.
///
/// ```
/// use dynvision::{nn::{HeegerMackey, Layer}, geometry::Map};
/// assert_eq!(<HeegerMackey<4, 5, 2000, 3000>>::GEOMETRY.apply(Map::new(4, 1, 1)), Map::new(5, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HeegerMackey<const I: usize, const N: usize, const A: usize, const B: usize>;
crate::spec!(impl [const I: usize, const N: usize, const A: usize, const B: usize]
    HeegerMackey<I, N, A, B> => built::HeegerMackey<I, N, E, D>);

impl<const I: usize, const N: usize, const A: usize, const B: usize> Layer for HeegerMackey<I, N, A, B> {
    const GEOMETRY: Geometry = Geometry::conv(I, N, Window::POINT);
    const MISFIT: Option<&'static str> =
        if A == 0 || B == 0 { Some("its time constants, in microseconds, are not 0") } else { None };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let begins = |kept: Option<Maps<E, D>>| kept.map_or_else(|| filled(0.0, &x, N), Ok);
        let (y, a, b) = (begins(own.ago(1).cloned())?, begins(cx.memory("a"))?, begins(cx.memory("b"))?);
        let z = weighed(&x, &built.wzx, [N, I], None, cx)?;
        let z = ops::add_bias(z, &built.cz, cx)?;
        let recurrent = weighed(&y, &built.wyy, [N, N], None, cx)?;
        let recurrent = ops::add_bias(recurrent, &built.cy, cx)?;
        let b_positive = ops::relu(b.clone(), cx)?;
        let b_rest = ops::affine(1.0, &b_positive, 1.0, cx)?;
        let gain = ops::div(&b_positive, &b_rest, cx)?;
        let driven = ops::mul(&gain, &z, cx)?;
        let a_positive = ops::relu(a.clone(), cx)?;
        let a_rest = ops::affine(1.0, &a_positive, 1.0, cx)?;
        let amplified = ops::div(&recurrent, &a_rest, cx)?;
        let y_target = ops::add(driven, &amplified, cx)?;
        let a_target = weighed(&x, &built.wax, [N, I], None, cx)?;
        let a_target = weighed(&y, &built.way, [N, N], Some(a_target), cx)?;
        let a_target = ops::add_bias(a_target, &built.ca, cx)?;
        let b_target = weighed(&x, &built.wbx, [N, I], None, cx)?;
        let b_target = weighed(&y, &built.wby, [N, N], Some(b_target), cx)?;
        let b_target = ops::add_bias(b_target, &built.cb, cx)?;
        let (dt, tau) = (cx.area().dt, cx.area().tau);
        let y = leaky(&y, &y_target, dt / tau, cx)?;
        let a = leaky(&a, &a_target, 1000.0 * dt / A as f64, cx)?;
        let b = leaky(&b, &b_target, 1000.0 * dt / B as f64, cx)?;
        cx.remember("a", &a)?;
        cx.remember("b", &b)?;
        Ok(Some(y))
    }
}

/// `h + rate (target - h)`.
fn leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    h: &Maps<E, D>,
    target: &Maps<E, D>,
    rate: f64,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let change = ops::sub(target, h, cx)?;
    let change = ops::affine(rate, &change, 0.0, cx)?;
    ops::add(change, h, cx)
}

/// Divisive normalisation at its fixed point, of a convolution (Rawat, Heeger and Martiniani 2024): the squared rates
///
/// ```text
/// g = sigmoid(Wb x)² relu(Wz x)²
/// y[c,p] = g[c,p] / ((sigma sigmoid(b0[c,p]))² + 1e-8 + sum over q of exp(log_way[c,p,q]) g[c,q])
/// ```
///
/// over the places `p`, `q` of one channel, with kernels `K` and `A`. `sigma` and `log_way` are not trained, as published.
/// It is made for maps of `R` rows and `L` columns.
///
/// # Shapes
/// `(B, I, R, L)` to `(B, O, R, L)`; `b0: (O, R, L)`, `log_way: (O, R, L, R, L)`.
///
/// # Errors
/// [`Error::Shape`](crate::error::Error::Shape) where the maps have another size.
///
/// ```
/// use dynvision::{nn::{DivisiveConv, Layer}, geometry::Map};
/// assert_eq!(<DivisiveConv<2, 3, 3, 5, 6, 5>>::GEOMETRY.apply(Map::new(2, 6, 5)), Map::new(3, 6, 5));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DivisiveConv<const I: usize, const O: usize, const K: usize, const A: usize, const R: usize, const L: usize>;
crate::spec!(impl [const I: usize, const O: usize, const K: usize, const A: usize, const R: usize, const L: usize]
    DivisiveConv<I, O, K, A, R, L> => built::DivisiveConv<I, O, K, A, R, L, E, D>);

impl<const I: usize, const O: usize, const K: usize, const A: usize, const R: usize, const L: usize> Layer
    for DivisiveConv<I, O, K, A, R, L>
{
    const GEOMETRY: Geometry = Geometry::conv(I, O, Window::same(K, 1));
    const MISFIT: Option<&'static str> = match (K.is_multiple_of(2), A.is_multiple_of(2)) {
        (false, false) => None,
        _ => Some("an even kernel changes the size of a map; give it odd ones"),
    };
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        _: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let Some(x) = x else { return Ok(None) };
        let z = convolved(&x, &built.input_kernel, [O, I, K, K], None, None, cx)?;
        let z = ops::relu(z, cx)?;
        let attention = convolved(&x, &built.attention_kernel, [O, I, A, A], None, None, cx)?;
        let attention = ops::sigmoid(&attention, cx)?;
        let g = ops::mul(&attention, &z, cx)?;
        let g = cx.run(g, |g| g.try_square())?;
        let weight = cx.run(built.log_way.clone(), |weight| weight.try_exp())?;
        let pool = ops::within_channels(&g, &weight, cx)?;
        let noise = cx.run(built.b0.clone(), |b0| b0.try_sigmoid())?;
        let noise = ops::spread(&noise, *dfdx::prelude::HasShape::shape(&g), cx)?;
        let noise = ops::scale(&noise, &built.sigma, cx)?;
        let noise = cx.run(noise, |noise| noise.try_square())?;
        let by = ops::add(pool, &noise, cx)?;
        let by = ops::affine(1.0, &by, 1e-8, cx)?;
        ops::div(&g, &by, cx).map(Some)
    }
}

pub(crate) mod built {
    use crate::nn::init::{FanInUniform, fill, fill_constant};
    use crate::nn::optional::weights;
    use dfdx::nn::TensorOptions;
    use dfdx::prelude::{Rank0, Rank1, Rank2, Rank3, Rank4, Rank5, Tensor};

    weights! {
        /// The weights of [`Organics`](super::Organics).
        pub struct Organics[I, N] {
            (
                /// From the input to the principal units.
                wzx: Tensor<Rank2<N, I>, E, D> = tensor("wzx", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// Among the principal units.
                wr: Tensor<Rank2<N, N>, E, D> = tensor("wr", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From the input to `b0`.
                wbx0: Tensor<Rank2<N, I>, E, D> = tensor("wbx0", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `y` to `b0`.
                wby0: Tensor<Rank2<N, N>, E, D> = tensor("wby0", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `a` to `b0`.
                wba0: Tensor<Rank2<N, N>, E, D> = tensor("wba0", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            )
            (
                /// From the input to `b1`.
                wbx1: Tensor<Rank2<N, I>, E, D> = tensor("wbx1", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `y` to `b1`.
                wby1: Tensor<Rank2<N, N>, E, D> = tensor("wby1", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `a` to `b1`.
                wba1: Tensor<Rank2<N, N>, E, D> = tensor("wba1", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// The logarithm of the normalisation weights.
                log_way: Tensor<Rank2<N, N>, E, D>
                    = tensor("log_way", TensorOptions::reset_with(fill_constant::<{ -1000 }, _, E, D>)),
                /// What is added to the pool, not trained.
                sigma: Tensor<Rank1<N>, E, D> = tensor("sigma", TensorOptions::detached(fill_constant::<100, _, E, D>)),
            )
            (
                /// The rate of `y`, before the logistic function.
                rate_y: Tensor<Rank1<N>, E, D> = tensor("rate_y", TensorOptions::reset_to_zeros()),
                /// That of `a`.
                rate_a: Tensor<Rank1<N>, E, D> = tensor("rate_a", TensorOptions::reset_to_zeros()),
                /// That of `b0`.
                rate_b0: Tensor<Rank1<N>, E, D> = tensor("rate_b0", TensorOptions::reset_to_zeros()),
                /// That of `b1`.
                rate_b1: Tensor<Rank1<N>, E, D> = tensor("rate_b1", TensorOptions::reset_to_zeros()),
            )
        }
    }
    weights! {
        /// The weights of [`HeegerMackey`](super::HeegerMackey).
        pub struct HeegerMackey[I, N] {
            (
                /// From the input to `y`.
                wzx: Tensor<Rank2<N, I>, E, D> = tensor("wzx", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `y` to `y`.
                wyy: Tensor<Rank2<N, N>, E, D> = tensor("wyy", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From the input to `a`.
                wax: Tensor<Rank2<N, I>, E, D> = tensor("wax", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `y` to `a`.
                way: Tensor<Rank2<N, N>, E, D> = tensor("way", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From the input to `b`.
                wbx: Tensor<Rank2<N, I>, E, D> = tensor("wbx", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
                /// From `y` to `b`.
                wby: Tensor<Rank2<N, N>, E, D> = tensor("wby", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            )
            (
                /// The bias of the input.
                cz: Tensor<Rank1<N>, E, D> = tensor("cz", TensorOptions::reset_to_zeros()),
                /// That of the recurrence.
                cy: Tensor<Rank1<N>, E, D> = tensor("cy", TensorOptions::reset_to_zeros()),
                /// That of `a`.
                ca: Tensor<Rank1<N>, E, D> = tensor("ca", TensorOptions::reset_to_zeros()),
                /// That of `b`: it begins at 1, so that the input gets through.
                cb: Tensor<Rank1<N>, E, D> = tensor("cb", TensorOptions::reset_to_ones()),
            )
        }
    }
    weights! {
        /// The weights of a [`DivisiveConv`](super::DivisiveConv).
        pub struct DivisiveConv[I, O, K, A, R, L] {(
            /// Of the drive.
            input_kernel: Tensor<Rank4<O, I, K, K>, E, D>
                = tensor("input_kernel", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// Of the attention.
            attention_kernel: Tensor<Rank4<O, I, A, A>, E, D>
                = tensor("attention_kernel", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
            /// The noise of each unit, before the logistic function.
            b0: Tensor<Rank3<O, R, L>, E, D> = tensor("b0", TensorOptions::reset_to_zeros()),
            /// The logarithm of the normalisation weights, not trained.
            log_way: Tensor<Rank5<O, R, L, R, L>, E, D>
                = tensor("log_way", TensorOptions::detached(fill_constant::<0, _, E, D>)),
            /// The size of the noise, not trained.
            sigma: Tensor<Rank0, E, D> = tensor("sigma", TensorOptions::detached(fill_constant::<1000, _, E, D>)),
        )}
    }
}
