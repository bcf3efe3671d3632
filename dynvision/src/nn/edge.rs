//! What stands on a connection between two areas.

use super::conv_options::{ConvOptions, DefaultOptions, channels};
use super::{Additive, ConnectionNormal, Integration, Spec, built as weights};
use crate::error::Result;
use crate::geometry::{EdgeSize, Window};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Const, Device, Dtype, Tape};
use std::fmt::Debug;
use std::marker::PhantomData;

/// What stands on a skip or a feedback: `feedback(from = v2, via = ConvTranspose2d<64, 32>)`. Without `via` that is a
/// [`LinkConv`](super::LinkConv).
///
/// ```
/// use dynvision::{error::Result, geometry::EdgeSize, kernels::{Element, Maps, VisionDevice}, nn::{Edge, Empty}, ops};
/// use dynvision::{prelude::*, unroll::Context};
/// use dfdx::prelude::Tape;
///
/// /// Half of what it reads, at the size of its target.
/// #[derive(Clone, Debug)]
/// struct Half;
/// dynvision::spec!(impl Half => Empty);
/// impl Edge for Half {
///     const CHANNELS: (usize, usize) = (4, 4);
///     const SIZE: EdgeSize = EdgeSize::Any;
///     fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
///         _: &Empty,
///         h: &Maps<E, D>,
///         to: [usize; 2],
///         cx: &mut Context<E, D, T>,
///     ) -> Result<Maps<E, D>> {
///         let h = ops::affine(0.5, h, 0.0, cx)?;
///         ops::resize(&h, to, None, cx)
///     }
/// }
///
/// #[dyn_model(input = [3, 8, 8], operations = [layer, feedback, record, delay, pool])]
/// struct Net {
///     #[area(feedback(from = v2, via = Half), pool = MaxPool2d<2>)]
///     v1: RConv2d<3, 4>,
///     v2: RConv2d<4, 4>,
///     #[readout]
///     classifier: Classifier<4, 2>,
/// }
/// # assert_eq!(Net::V2.h, 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand on a connection",
    label = "expected what stands on a connection, such as `ConvTranspose2d<FROM, INTO>`",
    note = "a part of your own implements `dynvision::nn::Edge`"
)]
pub trait Edge: Spec + Clone + Debug + 'static {
    /// Channels of the source and of what comes out.
    const CHANNELS: (usize, usize);
    /// What it does to the size of a map.
    const SIZE: EdgeSize;
    /// Why it cannot work, if it cannot; read by `cargo check`.
    const MISFIT: Option<&'static str> = None;

    /// Computes what the response `h` of the source brings to a target of `to`, rows and columns.
    ///
    /// # Shapes
    /// `h: (B, I, H, W)`, result `(B, O, to[0], to[1])`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        h: &Maps<E, D>,
        to: [usize; 2],
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;
}

/// A connection with the part `P` on it, integrated by `G`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Via<P, G = Additive>(PhantomData<(P, G)>);

impl<P: Edge, G: Integration> Spec for Via<P, G> {
    type Built<E: Dtype, D: Device<E>> = built::Via<P, G, P::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Via { via: P::converted::<E, D, E2, D2>(it.via), part: PhantomData }
    }
}

/// A transposed convolution from `I` to `O` channels with kernel `K` that makes a map `S` times as large, without a bias. `A` is
/// where the first tap of the first unit lands before the map: 0 as TensorFlow's `SAME` has it for a kernel of 3 and a stride
/// of 2, 1 as torch's `padding=1, output_padding=1`. See [`ops::conv_transpose2d`].
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, S H, S W)`; weight `(I, O, K, K)`.
///
/// ```
/// use dynvision::{geometry::EdgeSize, nn::{ConvTranspose2d, Edge}};
/// assert_eq!(<ConvTranspose2d<64, 32>>::CHANNELS, (64, 32));
/// assert_eq!(<ConvTranspose2d<64, 32>>::SIZE, EdgeSize::Times(2));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvTranspose2d<const I: usize, const O: usize, const K: usize = 3, const S: usize = 2, const A: usize = 0>;
crate::spec!(impl [const I: usize, const O: usize, const K: usize, const S: usize, const A: usize]
    ConvTranspose2d<I, O, K, S, A> => built::ConvTranspose2d<I, O, K, E, D>);

#[diagnostic::do_not_recommend]
impl<const I: usize, const O: usize, const K: usize, const S: usize, const A: usize> Edge
    for ConvTranspose2d<I, O, K, S, A>
{
    const CHANNELS: (usize, usize) = (I, O);
    const SIZE: EdgeSize = EdgeSize::Times(S);
    const MISFIT: Option<&'static str> = match (K, S) {
        (_, 0) => Some("the stride of a `ConvTranspose2d` is not 0"),
        _ if A >= K => Some("the first tap of a `ConvTranspose2d` lands less than a kernel before the map"),
        _ => None,
    };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        h: &Maps<E, D>,
        _: [usize; 2],
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let weight = ops::erase(built.weight.clone())?;
        ops::conv_transpose2d(S, A, h, &weight, cx)
    }
}

/// A resizing (nearest) to the size of the target, then a convolution of stride 1: upsampling without the chequerboard of a
/// transposed convolution (Odena, Dumoulin and Olah 2016).
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')`.
///
/// ```
/// use dynvision::{geometry::EdgeSize, nn::{Edge, ResizeConv}};
/// assert_eq!(<ResizeConv<64, 32>>::SIZE, EdgeSize::Any);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ResizeConv<const I: usize, const O: usize, const K: usize = 3, C = DefaultOptions<ConnectionNormal>>(
    PhantomData<C>,
);
crate::spec!(impl [const I: usize, const O: usize, const K: usize, C: ConvOptions]
    ResizeConv<I, O, K, C> => weights::Conv2d<Const<I>, Const<O>, Const<K>, 1, C, E, D>);

#[diagnostic::do_not_recommend]
impl<const I: usize, const O: usize, const K: usize, C: ConvOptions> Edge for ResizeConv<I, O, K, C> {
    const CHANNELS: (usize, usize) = (I, O);
    const SIZE: EdgeSize = EdgeSize::Any;
    const MISFIT: Option<&'static str> = match super::Conv2d::<I, O, K, 1, C>::WINDOW {
        Window { kernel, padding, .. } if kernel == 2 * padding + 1 => channels::<C>(I, O),
        _ => Some("the convolution of a `ResizeConv` keeps the size: an odd kernel, padded by half of it"),
    };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        h: &Maps<E, D>,
        to: [usize; 2],
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let h = ops::resize(h, to, None, cx)?;
        built.forward(&h, None, cx)
    }
}

pub(crate) mod built {
    use crate::error::Result as Answer;
    use crate::kernels::{Element, Maps, VisionDevice};
    use crate::nn::init::{FanInUniform, fill};
    use crate::nn::optional::weights;
    use crate::nn::{Edge, Integration};
    use crate::unroll::{Context, Past};
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Rank4, Tape, Tensor};
    use std::marker::PhantomData;

    weights! {
        /// The weights of a [`ConvTranspose2d`](super::ConvTranspose2d).
        pub struct ConvTranspose2d[I, O, K] {(
            /// From the source into the target.
            weight: Tensor<Rank4<I, O, K, K>, E, D> = tensor("weight", TensorOptions::reset_with(fill::<FanInUniform, _, E, D>)),
        )}
    }

    /// The weights of a connection with a part on it.
    #[derive(Clone, Debug)]
    pub struct Via<P, G, W> {
        /// The part.
        pub via: W,
        pub(super) part: PhantomData<(P, G)>,
    }

    impl<P: Edge, G: Integration, W: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Via<P, G, W>
    {
        type To<E2: Dtype, D2: Device<E2>> = Via<P, G, W::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(Self::module("via", |s| &s.via, |s| &mut s.via), |via| Via { via, part: PhantomData })
        }
    }

    impl<P, G, W> Via<P, G, W> {
        /// Integrates what the part makes of the response of `from` that link number `link` reads into `x`, a map of the size
        /// [`Context::input`]. Without a signal at the source, `x` passes; without `x`, what the part makes does.
        ///
        /// # Errors
        /// Those of the part and of the integration.
        pub fn join<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
            &self,
            x: Option<Maps<E, D>>,
            from: &Past<E, D>,
            link: usize,
            cx: &mut Context<E, D, T>,
        ) -> Answer<Option<Maps<E, D>>>
        where
            P: Edge<Built<E, D> = W>,
            G: Integration,
        {
            let Some(h) = cx.plan().link(link).and_then(|updates| from.ago(updates)) else { return Ok(x) };
            let to = [cx.input().h, cx.input().w];
            let h = P::forward(&self.via, h, to, cx)?;
            match x {
                Some(x) => G::integrate(x, &h, cx).map(Some),
                None => Ok(Some(h)),
            }
        }
    }
}
