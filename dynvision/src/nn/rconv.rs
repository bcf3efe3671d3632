//! A layer that also sees its own past.

use super::recurrence::Stage;
use super::{
    Additive, Conv2d, Feedforward, Full, Integration, Layer, MapOf, Plain, Recurrence, Signal, Target, ToOutput,
};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::time::History;
use dfdx::prelude::{ConstDim, Dim, HasShape, Shape, Tape, Tensor};
use std::marker::PhantomData;

/// A convolution with recurrence (the original's `RecurrentConnectedConv2d`): `conv(x) + R(h[t - d])`, where `h` is what
/// the area answered and `d` its recurrent delay in steps.
///
/// `R` is the recurrence ([`Full`], [`SelfRecurrence`](super::SelfRecurrence),
/// [`NoRecurrence`](super::NoRecurrence) or a user's), `T` where it is added, `C` the options of the convolution, `G` how
/// the recurrence is integrated.
///
/// # Shapes
/// `(B, I, H, W)` to `(B, O, H', W')` with `H' = (H + 2 padding - K) / S + 1`, padding `K / 2`.
///
/// ```
/// use dynvision::nn::{Layer, RConv2d};
/// use dynvision::geometry::Map;
/// assert_eq!(<RConv2d<3, 36>>::GEOMETRY.apply(Map::new(3, 32, 32)), Map::new(36, 32, 32));
/// ```
pub type RConv2d<
    const I: usize,
    const O: usize,
    const K: usize = 3,
    const S: usize = 1,
    R = Full,
    T = ToOutput,
    C = Plain,
    G = Additive,
> = Recurrent<Conv2d<I, O, K, S, C>, R, T, G>;

/// A feedforward part `F` with a recurrence `R` that is added at `T` by `G`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recurrent<F, R = Full, T = ToOutput, G = Additive>(PhantomData<(F, R, T, G)>);

crate::spec!(impl [F: Feedforward, R: Recurrence, T: Target, G: Integration]
    Recurrent<F, R, T, G> => built::Recurrent<F, R, T, G, E, D>);

impl<F: Feedforward, R: Recurrence, P: Target, G: Integration> Layer for Recurrent<F, R, P, G> {
    const GEOMETRY: Geometry = F::GEOMETRY;
    type In = F::In;
    type Out = F::Out;
    const MISFIT: Option<&'static str> = match R::SAME_CHANNELS && F::Out::SIZE != P::Channels::<F>::SIZE {
        true => {
            Some("its recurrence acts on single channels, and so needs a target with as many channels as its output")
        }
        false if R::CONNECTED && R::IS_EVEN[F::Kernel::SIZE.is_multiple_of(2) as usize] => Some(
            "its recurrence has an even kernel, which changes the size of the state; give it an odd one, as in \
             `Full<OwnKernel<3>>`, or the layer",
        ),
        false => F::MISFIT,
    };
    const RECURRENT: bool = R::CONNECTED;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        built: &Self::Built<E, D>,
        x: Signal<(B, F::In, H, W), E, D>,
        own: &History<(B, F::Out, Ho, Wo), E, D>,
        cx: &mut Cx<T>,
    ) -> Result<Signal<(B, F::Out, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let connected = R::CONNECTED && !cx.plan.feedforward_only;
        let past = if connected { own.ago(cx.area().recurrence) } else { None };
        let window = F::GEOMETRY.windows[0];
        let middle = [window.output_len(H::SIZE), window.output_len(W::SIZE)];

        let x = match P::STAGE {
            Stage::Input => built.recur(x, past, [H::SIZE, W::SIZE], cx)?,
            _ => x,
        };
        let x = match x {
            Some(x) => {
                cx.hold(x.shape().0.size());
                Some(F::first::<B, H, W, usize, usize, E, D, T>(&built.feedforward, &x, cx)?)
            }
            None => F::without_input::<B, E, D, T>(&built.feedforward, middle, cx)?,
        };
        let x = match P::STAGE {
            Stage::Middle => built.recur(x, past, middle, cx)?,
            _ => x,
        };
        let x = x.map(|x| F::second::<B, usize, usize, Ho, Wo, E, D, T>(&built.feedforward, x, cx)).transpose()?;
        match P::STAGE {
            Stage::Output => built.recur(x, past, [Ho::SIZE, Wo::SIZE], cx),
            _ => Ok(x),
        }
    }
}

pub(crate) mod built {
    use super::*;
    use dfdx::nn::{ModuleVisitor, TensorCollection};
    use dfdx::prelude::{Device, Dtype};

    const TARGET: &str = "target of a recurrence";

    /// The weights of a [`Recurrent`](super::Recurrent) layer.
    #[derive(Clone, Debug)]
    pub struct Recurrent<F: Feedforward, R: Recurrence, T: Target, G, E: Dtype, D: Device<E>> {
        /// The feedforward part.
        pub feedforward: F::Built<E, D>,
        /// The recurrence.
        pub recurrence: R::Built<F::Out, T::Channels<F>, F::Kernel, E, D>,
        integration: PhantomData<(T, G)>,
    }

    impl<F: Feedforward, R: Recurrence, T: Target, G: Integration, E: Dtype, D: Device<E>> TensorCollection<E, D>
        for Recurrent<F, R, T, G, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = Recurrent<F, R, T, G, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module(F::NAME, |s| &s.feedforward, |s| &mut s.feedforward),
                    Self::module("recurrence", |s| &s.recurrence, |s| &mut s.recurrence),
                ),
                |(feedforward, recurrence)| Recurrent {
                    feedforward: F::converted::<E, D, V::E2, V::D2>(feedforward),
                    recurrence: R::converted::<F::Out, T::Channels<F>, F::Kernel, E, D, V::E2, V::D2>(recurrence),
                    integration: PhantomData,
                },
            )
        }
    }

    impl<F: Feedforward, R: Recurrence, P: Target, G: Integration, E: Element, D: VisionDevice<E>>
        Recurrent<F, R, P, G, E, D>
    {
        /// Integrates the past into `x`, which has the size `[rows, columns]` and as many channels as the target.
        pub(super) fn recur<B, C, H, W, Ho, Wo, T>(
            &self,
            x: Signal<(B, C, H, W), E, D>,
            past: Option<&MapOf<B, F::Out, Ho, Wo, E, D>>,
            [rows, columns]: [usize; 2],
            cx: &mut Cx<T>,
        ) -> Result<Signal<(B, C, H, W), E, D>>
        where
            B: Dim,
            C: ConstDim,
            H: Dim,
            W: Dim,
            Ho: ConstDim,
            Wo: ConstDim,
            T: Tape<E, D>,
        {
            let Some(h) = past else { return Ok(x) };
            // The target's channels are those of `x` by `Target`, which only the types of one stage know.
            type Joint<B, C, E, D> = Tensor<(B, C, usize, usize), E, D>;
            let x = match x {
                Some(x) => Some(ops::retyped::<_, (B, P::Channels<F>, usize, usize), E, D, T>(TARGET, x, cx)?),
                None => None,
            };
            let [b, _, ho, wo] = h.shape().concrete();
            let h: Joint<B, F::Out, E, D> = ops::retyped("state of a recurrence", h.clone(), cx)?;
            let same_size = (ho, wo) == (rows, columns);
            let y: Joint<B, P::Channels<F>, E, D> = match x {
                Some(x) if G::IS_SUM && same_size => {
                    R::drive_onto::<F::Out, P::Channels<F>, F::Kernel, _, _, _, E, D, T>(&self.recurrence, &h, x, cx)?
                }
                x => {
                    let driven =
                        R::drive::<F::Out, P::Channels<F>, F::Kernel, _, _, _, E, D, T>(&self.recurrence, &h, cx)?;
                    let sizes = [b, P::Channels::<F>::SIZE, rows, columns];
                    let to = <(B, P::Channels<F>, usize, usize)>::from_concrete(&sizes)
                        .ok_or_else(|| Error::shape(TARGET, &sizes, &[b]))?;
                    let driven = ops::resize(&driven, to, cx)?;
                    match x {
                        Some(x) => G::integrate(x, &driven, cx)?,
                        None => driven,
                    }
                }
            };
            ops::retyped(TARGET, y, cx).map(Some)
        }
    }
}
