//! The weights of the recurrences that keep places and channels apart.

use dfdx::nn::{ModuleVisitor, TensorCollection};
use dfdx::prelude::{Device, Dtype};

/// The weights of a [`DepthPointwise`](crate::nn::DepthPointwise) or [`PointDepthwise`](crate::nn::PointDepthwise)
/// recurrence.
#[derive(Clone, Debug)]
pub struct Separable<P, M> {
    /// One kernel for each channel: `(C, 1, K, K)`.
    pub depthwise: P,
    /// From the channels of the state to those of the target: `(O, I, 1, 1)`.
    pub pointwise: M,
}

impl<P: TensorCollection<E, D>, M: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for Separable<P, M>
{
    type To<E2: Dtype, D2: Device<E2>> = Separable<P::To<E2, D2>, M::To<E2, D2>>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("depthwise", |s| &s.depthwise, |s| &mut s.depthwise),
                Self::module("pointwise", |s| &s.pointwise, |s| &mut s.pointwise),
            ),
            |(depthwise, pointwise)| Separable { depthwise, pointwise },
        )
    }
}

/// The weights of a [`LocalDepthwise`](crate::nn::LocalDepthwise) recurrence.
#[derive(Clone, Debug)]
pub struct LocalSeparable<L, P> {
    /// On the cortical plane: `(1, 1, K, K)`.
    pub local: L,
    /// One kernel for each channel: `(C, 1, K, K)`.
    pub depthwise: P,
}

impl<L: TensorCollection<E, D>, P: TensorCollection<E, D>, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for LocalSeparable<L, P>
{
    type To<E2: Dtype, D2: Device<E2>> = LocalSeparable<L::To<E2, D2>, P::To<E2, D2>>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(visitor: &mut V) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("local", |s| &s.local, |s| &mut s.local),
                Self::module("depthwise", |s| &s.depthwise, |s| &mut s.depthwise),
            ),
            |(local, depthwise)| LocalSeparable { local, depthwise },
        )
    }
}
