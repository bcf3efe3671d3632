//! A layer that also sees its own past.

use super::layer::past_of_shape;
use super::recurrence::Stage;
use super::{
    Additive, Connection, Conv2d, DefaultOptions, Feedforward, Full, Integration, Layer, Recurrence, RecurrenceTarget,
    Spec, ToOutput,
};
use crate::error::Result;
use crate::geometry::{Geometry, Map};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, Step};
use crate::unroll::{Context, Past};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{ConstDim, Device, Dtype, Tape};
use std::marker::PhantomData;

/// A convolution with recurrence (the original's `RecurrentConnectedConv2d`): `conv(x) + R(h[t - d])`, where `h` is the
/// response of the area and `d` its recurrent delay in steps.
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
    C = DefaultOptions,
    G = Additive,
> = Recurrent<Conv2d<I, O, K, S, C>, R, T, G>;

/// A feedforward part `F` with a recurrence `R` that is added at `T` by `G`.
///
/// # Shapes
/// `(B, C, H, W)` to `(B, C', H', W')` by the geometry of `F`. The recurrence reads a state of the shape of the result; its
/// contribution is resized (nearest) to the size of its target.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::{nn::{Conv2d, DepthPointwise, Recurrent, Spec}, parameters::parameters};
/// type Layer = Recurrent<Conv2d<3, 8, 5>, DepthPointwise>;
/// let layer: <Layer as Spec>::Built<f32, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
/// let shapes: Vec<_> = parameters(&layer).into_iter().map(|p| p.shape).collect();
/// assert_eq!(shapes[..2], [vec![8, 3, 5, 5], vec![8]]);
/// assert!(shapes[2..].contains(&vec![8, 1, 5, 5]) && shapes[2..].contains(&vec![8, 8, 1, 1]));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Recurrent<F, R = Full, T = ToOutput, G = Additive>(PhantomData<(F, R, T, G)>);

/// The connection of a recurrence `R` in a layer of the feedforward part `F` to its target `P`.
type ConnectionOf<F, R, P> = <R as Recurrence>::Connection<
    <F as Feedforward>::Out,
    <P as RecurrenceTarget>::Channels<F>,
    <F as Feedforward>::Kernel,
>;

impl<F: Feedforward, R: Recurrence, P: RecurrenceTarget, G: Integration> Spec for Recurrent<F, R, P, G> {
    type Built<E: Dtype, D: Device<E>> =
        built::Recurrent<F, F::Built<E, D>, <ConnectionOf<F, R, P> as Spec>::Built<E, D>>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Recurrent {
            feedforward: F::converted::<E, D, E2, D2>(it.feedforward),
            recurrence: ConnectionOf::<F, R, P>::converted::<E, D, E2, D2>(it.recurrence),
            part: PhantomData,
        }
    }
}

impl<F: Feedforward, R: Recurrence, P: RecurrenceTarget, G: Integration> Layer for Recurrent<F, R, P, G> {
    const GEOMETRY: Geometry = F::GEOMETRY;
    const MISFIT: Option<&'static str> = {
        let same_channels = F::Out::SIZE == P::Channels::<F>::SIZE;
        match (ConnectionOf::<F, R, P>::MISFIT, F::MISFIT) {
            _ if ConnectionOf::<F, R, P>::SAME_CHANNELS && !same_channels => Some(
                "its recurrence acts on single channels, and so needs a target with as many channels as its output",
            ),
            (Some(misfit), _) | (None, Some(misfit)) => Some(misfit),
            (None, None) => None,
        }
    };
    const RECURRENT: bool = ConnectionOf::<F, R, P>::CONNECTED;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        Self::run(built, x, own, None, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        Self::run(built, x, own, Some(step), cx)
    }
}

impl<F: Feedforward, R: Recurrence, P: RecurrenceTarget, G: Integration> Recurrent<F, R, P, G> {
    /// The layer, and the step with what it makes, if there is one.
    fn run<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &<Self as Spec>::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        step: Option<Step<'_, E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        let input = cx.input();
        let [first, second] = F::GEOMETRY.windows;
        let middle = [first.output_len(input.h), first.output_len(input.w)];
        let output = Map::new(F::Out::SIZE, second.output_len(middle[0]), second.output_len(middle[1]));
        let connected = ConnectionOf::<F, R, P>::CONNECTED && !cx.plan().feedforward_only;
        let past = if connected { past_of_shape(own, cx.area().recurrence, output) } else { None };
        let recur = |x, size, step: Option<Step<'_, E, D>>, cx: &mut Context<E, D, T>| match past {
            Some(h) => recur::<ConnectionOf<F, R, P>, G, E, D, T>(&built.recurrence, x, h, size, step, cx).map(Some),
            None => x.map(|x| stepped(step, x, cx)).transpose(),
        };

        let x = if P::STAGE == Stage::Input { recur(x, [input.h, input.w], None, cx)? } else { x };
        let x = match x {
            Some(x) => Some(F::first(&built.feedforward, &x, cx)?),
            None => F::without_input(&built.feedforward, middle, cx)?,
        };
        let x = if P::STAGE == Stage::Middle { recur(x, middle, None, cx)? } else { x };
        let x = x.map(|x| F::second(&built.feedforward, x, cx)).transpose()?;
        match P::STAGE {
            Stage::Output => recur(x, [output.h, output.w], step, cx),
            _ => x.map(|x| stepped(step, x, cx)).transpose(),
        }
    }
}

/// The step under the drive `x`, if there is one.
fn stepped<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    step: Option<Step<'_, E, D>>,
    x: Maps<E, D>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    match step {
        Some(step) => step.take(x, cx),
        None => Ok(x),
    }
}

/// Integrates what the state `h` contributes into `x`, or returns it alone; both have the size `[rows, columns]`. A step that is
/// given is taken with that.
fn recur<C: Connection, G: Integration, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    weights: &C::Built<E, D>,
    x: Option<Maps<E, D>>,
    h: &Maps<E, D>,
    [rows, columns]: [usize; 2],
    step: Option<Step<'_, E, D>>,
    cx: &mut Context<E, D, T>,
) -> Result<Maps<E, D>> {
    let (_, _, height, width) = *dfdx::prelude::HasShape::shape(h);
    match (x, step) {
        (Some(x), step) if G::IS_SUM && (height, width) == (rows, columns) => match step {
            Some(step) => C::forward_leaky(weights, h, Some(x), step, cx),
            None => C::forward(weights, h, Some(x), cx),
        },
        (x, step) => {
            let y = C::forward(weights, h, None, cx)?;
            let y = ops::resize(&y, [rows, columns], None, cx)?;
            let drive = match x {
                Some(x) => {
                    let x = G::integrate(x, &y, cx)?;
                    cx.recycle(y);
                    x
                }
                None => y,
            };
            stepped(step, drive, cx)
        }
    }
}

pub(crate) mod built {
    use super::Feedforward;
    use dfdx::nn::{ModuleVisitor, TensorCollection};
    use dfdx::prelude::{Device, Dtype};
    use std::marker::PhantomData;

    /// The weights of a [`Recurrent`](super::Recurrent) layer.
    #[derive(Clone, Debug)]
    pub struct Recurrent<F, W, R> {
        /// The feedforward part.
        pub feedforward: W,
        /// The recurrence.
        pub recurrence: R,
        pub(super) part: PhantomData<F>,
    }

    impl<F: Feedforward, W: TensorCollection<E, D>, R: TensorCollection<E, D>, E: Dtype, D: Device<E>>
        TensorCollection<E, D> for Recurrent<F, W, R>
    {
        type To<E2: Dtype, D2: Device<E2>> = Recurrent<F, W::To<E2, D2>, R::To<E2, D2>>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor.visit_fields(
                (
                    Self::module(F::NAME, |s| &s.feedforward, |s| &mut s.feedforward),
                    Self::module("recurrence", |s| &s.recurrence, |s| &mut s.recurrence),
                ),
                |(feedforward, recurrence)| Recurrent { feedforward, recurrence, part: PhantomData },
            )
        }
    }
}
