//! Parts that have weights of their own at each step.

use super::{Layer, Operation, Spec};
use crate::error::{Error, Result};
use crate::geometry::{Geometry, Map};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::Step;
use crate::unroll::{Context, Past};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Device, Dtype, Tape};
use std::marker::PhantomData;

/// `N` parts `P`, of which an area runs the first at its first step, the second at the next, and so on: the norms of rcnn-sat
/// (Spoerer et al. 2020), which has one for each layer and step. Their names are numbers from 0 on.
///
/// The steps are those of the area's state ([`Context::update`]), so that a run that goes on from a state goes on with its
/// parts. An area that has done `N` steps has no part left: that is an error, not the last part again.
///
/// # Shapes
/// Those of `P`.
///
/// ```
/// use dynvision::{nn::PerStep, prelude::*};
/// #[dyn_model(input = [1, 4, 4], operations = [layer, norm, record, delay])]
/// struct Net {
///     #[area(norm = PerStep<BatchNorm<2>, 3>)]
///     v1: RConv2d<1, 2>,
///     #[readout]
///     classifier: Classifier<2, 3>,
/// }
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Net, f32>();
/// net.v1_norm.steps[1].bias = dev.tensor([5.0, 5.0]);
/// let frame = dev.zeros::<(Const<1>, Const<1>, Const<4>, Const<4>)>();
/// let (_, responses) = net.try_record(Stimulus::constant(frame.clone(), 2))?;
/// // 2x4x4 units at each step
/// assert_eq!((responses.v1.values.as_vec()[0], responses.v1.values.as_vec()[32]), (0.0, 5.0));
/// let error = net.try_run(Stimulus::constant(frame, 4)).unwrap_err().to_string();
/// assert!(error.contains("for 3 steps"), "{error}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PerStep<P, const N: usize>(PhantomData<P>);

impl<P: Spec, const N: usize> Spec for PerStep<P, N> {
    type Built<E: Dtype, D: Device<E>> = built::Steps<P::Built<E, D>, N>;

    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2> {
        built::Steps { steps: it.steps.into_iter().map(P::converted::<E, D, E2, D2>).collect() }
    }
}

/// The part of this step.
fn now<'a, P, const N: usize, E: Element, D: VisionDevice<E>, T>(
    built: &'a built::Steps<P, N>,
    cx: &Context<E, D, T>,
) -> Result<&'a P> {
    let step = cx.update();
    built.steps.get(step).ok_or_else(|| {
        Error::Setting(format!(
            "an area has parts for {N} steps, as its `PerStep` says, but this is step {} of its state; give it more, or run \
             fewer steps",
            step + 1
        ))
    })
}

impl<P: Operation, const N: usize> Operation for PerStep<P, N> {
    const CHANNELS: Option<usize> = P::CHANNELS;
    const MAP: Option<Map> = P::MAP;
    const MISFIT: Option<&'static str> =
        if N == 0 { Some("a `PerStep` has a part for at least one step") } else { P::MISFIT };

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        P::forward(now(built, cx)?, x, cx)
    }

    fn absent<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        P::absent(now(built, cx)?, cx)
    }
}

impl<P: Layer, const N: usize> Layer for PerStep<P, N> {
    const GEOMETRY: Geometry = P::GEOMETRY;
    const MISFIT: Option<&'static str> =
        if N == 0 { Some("a `PerStep` has a part for at least one step") } else { P::MISFIT };
    const RECURRENT: bool = P::RECURRENT;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        P::forward(now(built, cx)?, x, own, cx)
    }

    fn forward_leaky<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Option<Maps<E, D>>,
        own: &Past<E, D>,
        step: Step<'_, E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        P::forward_leaky(now(built, cx)?, x, own, step, cx)
    }
}

pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection};
    use dfdx::prelude::{Device, Dtype};

    /// Weights for each of `N` steps.
    #[derive(Clone, Debug)]
    pub struct Steps<P, const N: usize> {
        /// One for each step.
        pub steps: Vec<P>,
    }

    impl<P: TensorCollection<E, D>, const N: usize, E: Dtype, D: Device<E>> TensorCollection<E, D> for Steps<P, N> {
        type To<E2: Dtype, D2: Device<E2>> = Steps<P::To<E2, D2>, N>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let names: Vec<String> = (0..N).map(|i| i.to_string()).collect();
            let each = names.iter().enumerate();
            let fields: Vec<_> = each
                .map(|(i, name)| Self::module(name, move |s: &Self| &s.steps[i], move |s: &mut Self| &mut s.steps[i]))
                .collect();
            visitor.visit_fields(fields, |steps| Steps { steps })
        }
    }
}
