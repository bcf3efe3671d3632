//! What a convolution does beyond its channels, kernel and stride: padding, bias, and how its weight is parametrized.

use super::init::{HeNormal, Init};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{self, Element, Maps, VisionDevice};
use crate::ops;
use dfdx::prelude::{Axes4, HasShape, PermuteTo, Shape, Tape, Tensor};
use std::marker::PhantomData;

/// What a convolution does beyond its channels, kernel and stride: a type, so that it can stand in a specification. A
/// user's own options are one `impl`.
///
/// ```
/// use dynvision::nn::{ConvOptions, HeNormal};
/// /// AlexNet's first convolution: kernel 11, padding 2.
/// #[derive(Clone, Debug)]
/// struct Wide;
/// impl ConvOptions for Wide {
///     const PADDING: Option<usize> = Some(2);
///     type Init = HeNormal;
/// }
/// assert!(Wide::BIAS);
/// ```
pub trait ConvOptions: Clone + std::fmt::Debug + 'static {
    /// Rows and columns of zeros on every side; `None` for half the kernel, which keeps the size at stride 1.
    const PADDING: Option<usize> = None;
    /// Whether each output channel has a bias.
    const BIAS: bool = true;
    /// Whether the weight is `g v / |v|` with trained `weight_g` and `weight_v`, one norm for each output channel
    /// (Salimans and Kingma 2016).
    const WEIGHT_NORM: bool = false;
    /// Whether the kernel is symmetric in its channels; see [`Symmetric`].
    const SYMMETRIC: bool = false;
    /// Which input channels excite, where each of them has a sign; see [`Signed`].
    const EXCITES: Option<fn(usize) -> bool> = None;
    /// Input channels that the signs are at least of; with fewer, it does not compile.
    const SIGNED: usize = 0;
    /// Which connections there are, by output channel, input channel, row and column of the kernel; all unless said otherwise.
    /// Where there is none, the weight acts as 0 and gets no gradient, whatever is taken up.
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = None;
    /// How the weight begins; a bias begins at 0.
    type Init: Init;
}

/// Which connections of a convolution there are: one of your own is one `impl`.
pub trait Mask: Clone + std::fmt::Debug + 'static {
    /// Whether input channel `from` reaches output channel `to` at this row and column of the kernel.
    fn connects(to: usize, from: usize, row: usize, column: usize) -> bool;
}

/// The options `C`, with a fixed mask of connections: the weight is `mask raw`, where `raw` is trained, saved and loaded.
///
/// ```
/// use dynvision::{nn::{Full, LayerKernel, Mask, Masked}, prelude::*};
/// /// Connections to others only, not from a channel to itself.
/// #[derive(Clone, Debug)]
/// struct Others;
/// impl Mask for Others {
///     fn connects(to: usize, from: usize, _row: usize, _column: usize) -> bool {
///         to != from
///     }
/// }
/// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct Net {
///     v1: RConv2d<1, 4, 3, 1, Full<LayerKernel, Masked<Others>>>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let net = Cpu::default().build_module::<Net, f32>();
/// let run = Stimulus::constant(Cpu::default().sample_normal_like(&(1, Const, Const, Const)), 6);
/// assert_eq!(net.try_run(run)?.shape().1, 6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Masked<M, C = DefaultOptions>(PhantomData<(M, C)>);
impl<M: Mask, C: ConvOptions> ConvOptions for Masked<M, C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = C::WEIGHT_NORM;
    const SYMMETRIC: bool = C::SYMMETRIC;
    const EXCITES: Option<fn(usize) -> bool> = C::EXCITES;
    const SIGNED: usize = C::SIGNED;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = Some(M::connects);
    type Init = C::Init;
}

/// Padding by half the kernel, a bias, He-normal weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultOptions<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for DefaultOptions<I> {
    type Init = I;
}

/// [`DefaultOptions`] without a bias.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBias<I = HeNormal>(PhantomData<I>);
impl<I: Init + Clone + std::fmt::Debug> ConvOptions for NoBias<I> {
    const BIAS: bool = false;
    type Init = I;
}

/// [`DefaultOptions`] with another padding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Padded<const P: usize, I = HeNormal>(PhantomData<I>);
impl<const P: usize, I: Init + Clone + std::fmt::Debug> ConvOptions for Padded<P, I> {
    const PADDING: Option<usize> = Some(P);
    type Init = I;
}

/// The options `C`, with weight normalisation: the weight is `g v / |v|`. `g` begins as the norm of a weight drawn by the
/// same scheme as `v`, so that a normal scheme is that of the whole weight.
///
/// ```
/// use dynvision::nn::{ConvOptions, NoBias, WeightNorm};
/// assert!(<WeightNorm<NoBias>>::WEIGHT_NORM && !<WeightNorm<NoBias>>::BIAS);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightNorm<C = DefaultOptions>(PhantomData<C>);
impl<C: ConvOptions> ConvOptions for WeightNorm<C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = true;
    const SYMMETRIC: bool = C::SYMMETRIC;
    const EXCITES: Option<fn(usize) -> bool> = C::EXCITES;
    const SIGNED: usize = C::SIGNED;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = C::MASK;
    type Init = C::Init;
}

/// Which channels excite and which inhibit, by Dale's law: one of your own is one `impl`.
pub trait Signs: Clone + std::fmt::Debug + 'static {
    /// Whether input channel `from` excites what it reaches; otherwise it inhibits.
    fn excites(from: usize) -> bool;

    /// So many channels there are at least; with fewer, it does not compile.
    const CHANNELS: usize = 0;
}

/// The first `N` channels excite, the others inhibit; of exactly `N`, none inhibits, and with fewer it does not compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstExcite<const N: usize>;
impl<const N: usize> Signs for FirstExcite<N> {
    fn excites(from: usize) -> bool {
        from < N
    }

    const CHANNELS: usize = N;
}

/// The options `C`, with one sign for all that an input channel sends (Dale's law): the weight is `|raw| diag(+1, .., -1)`,
/// where `raw` is trained, saved and loaded, so that the signs hold after every update and whatever is taken up.
///
/// ```
/// use dynvision::{nn::{FirstExcite, Full, LayerKernel, Signed}, prelude::*};
/// /// The first three of four channels excite each other and the last, which inhibits.
/// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct Net {
///     v1: RConv2d<1, 4, 3, 1, Full<LayerKernel, Signed<FirstExcite<3>>>>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// let net = Cpu::default().build_module::<Net, f32>();
/// let mut graph = dynvision::autograd::Graph::new(dfdx::prelude::NoneTape);
/// let weight = net.v1.recurrence.effective_weight(&mut graph)?.as_vec();
/// assert!(weight.iter().enumerate().all(|(n, &w)| if n / 9 % 4 < 3 { w >= 0.0 } else { w <= 0.0 }));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed<S, C = DefaultOptions>(PhantomData<(S, C)>);
impl<S: Signs, C: ConvOptions> ConvOptions for Signed<S, C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = C::WEIGHT_NORM;
    const SYMMETRIC: bool = C::SYMMETRIC;
    const EXCITES: Option<fn(usize) -> bool> = Some(S::excites);
    const SIGNED: usize = S::CHANNELS;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = C::MASK;
    type Init = C::Init;
}

/// The options `C`, with a kernel that is symmetric in its channels: the weight is `(raw + rawᵀ) / 2`, where `raw` is trained,
/// saved and loaded, so that two channels act on each other alike after every update and whatever is taken up. Both are of
/// one number, or it does not compile.
///
/// ```
/// use dynvision::{nn::{Full, LayerKernel, Symmetric}, prelude::*};
/// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct Net {
///     v1: RConv2d<1, 2, 3, 1, Full<LayerKernel, Symmetric>>,
///     #[readout]
///     classifier: Classifier<2, 2>,
/// }
/// let net = Cpu::default().build_module::<Net, f32>();
/// let mut graph = dynvision::autograd::Graph::new(dfdx::prelude::NoneTape);
/// let weight = net.v1.recurrence.effective_weight(&mut graph)?.as_vec();
/// // from the first to the second channel, and back
/// assert_eq!(weight[9..18], weight[18..27]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Symmetric<C = DefaultOptions>(PhantomData<C>);
impl<C: ConvOptions> ConvOptions for Symmetric<C> {
    const PADDING: Option<usize> = C::PADDING;
    const BIAS: bool = C::BIAS;
    const WEIGHT_NORM: bool = C::WEIGHT_NORM;
    const SYMMETRIC: bool = true;
    const EXCITES: Option<fn(usize) -> bool> = C::EXCITES;
    const SIGNED: usize = C::SIGNED;
    const MASK: Option<fn(usize, usize, usize, usize) -> bool> = C::MASK;
    type Init = C::Init;
}

/// The misfit of options whose connections are not each from one channel to another.
pub(super) const fn between_channels<C: ConvOptions>() -> Option<&'static str> {
    match C::SYMMETRIC || C::EXCITES.is_some() {
        true => Some(
            "signs and symmetry are of connections from channel to channel, and its recurrence has others; they go with \
             `Full<LayerKernel, ..>`",
        ),
        false => None,
    }
}

/// The misfit of the options of a kernel from `i` to `o` channels.
pub(super) const fn channels<C: ConvOptions>(i: usize, o: usize) -> Option<&'static str> {
    if C::SYMMETRIC && i != o {
        Some("a symmetric kernel has as many input channels as output channels")
    } else if C::SIGNED > i {
        Some("its signs are of more input channels than there are: `FirstExcite<N>` takes at most their number")
    } else {
        None
    }
}

/// The first of two misfits.
pub(super) const fn first(one: Option<&'static str>, other: Option<&'static str>) -> Option<&'static str> {
    match one {
        Some(_) => one,
        None => other,
    }
}

/// What the options make of `weight` `(to, from, rows, columns)`, which is that of the parameter `raw`, once in an unroll: weight
/// normalisation, then symmetry, signs and a mask, so that no later one undoes an earlier one's zeros or signs.
pub(super) fn parametrized<C: ConvOptions, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    raw: &Tensor<impl Shape, E, D>,
    weight: Maps<E, D>,
    norm: Option<&Tensor<impl Shape<Concrete: ops::RunTimeSizes>, E, D>>,
    groups: usize,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    if norm.is_none() && !C::SYMMETRIC && C::EXCITES.is_none() && C::MASK.is_none() {
        return Ok(weight);
    }
    graph.derived(raw, |graph| {
        let weight = match norm {
            Some(norm) => ops::weight_norm(&weight, norm, graph)?,
            None => weight,
        };
        let weight = if C::SYMMETRIC { symmetric(weight, graph)? } else { weight };
        let weight = match C::EXCITES {
            Some(excites) => {
                let size = graph.run(weight, |weight| weight.try_abs())?;
                times(size, groups, |_, from, _, _| if excites(from) { 1.0 } else { -1.0 }, graph)?
            }
            None => weight,
        };
        match C::MASK {
            Some(connects) => {
                let mask = |to, from, row, column| if connects(to, from, row, column) { 1.0 } else { 0.0 };
                times(weight, groups, mask, graph)
            }
            None => Ok(weight),
        }
    })
}

/// The mean of a kernel `(C, C, K, K)` and its transpose.
pub(super) fn symmetric<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    kernel: Maps<E, D>,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let transposed: Maps<E, D> =
        graph.run(kernel.clone(), |kernel| kernels::contiguous(kernel.try_permute::<_, Axes4<1, 0, 2, 3>>()?))?;
    // of one channel, both are one tensor
    let sum = ops::add(kernel, &transposed, graph)?;
    ops::affine(0.5, &sum, 0.0, graph)
}

/// `weight` times what `factor` says for each output channel, input channel, row and column.
fn times<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    weight: Maps<E, D>,
    groups: usize,
    factor: impl Fn(usize, usize, usize, usize) -> f64,
    graph: &mut Graph<E, D, T>,
) -> Result<Maps<E, D>> {
    let (o, i, h, w) = *weight.shape();
    // an output of group g sees the g-th part of the inputs
    let from = |to: usize, i_of_group: usize| to / (o / groups.max(1)).max(1) * i + i_of_group;
    let at = |n: usize| {
        let to = n / (i * h * w);
        factor(to, from(to, n / (h * w) % i), n / w % h, n % w)
    };
    let values = (0..o * i * h * w).map(|n| E::from_f64(at(n)).unwrap_or_default()).collect();
    let factors = weight.device().try_tensor_from_vec(values, (o, i, h, w)).map_err(Error::device)?;
    ops::mul(&weight, &factors, graph)
}
