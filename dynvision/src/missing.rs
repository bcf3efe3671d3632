//! What stands in for a part of a model that is no part of the kind it should be.
//!
//! Generated code asks of each type whether it is what it stands for. If not, that is reported once, by a constant that
//! needs the trait; everywhere else [`Missing`] takes the type's place, so that no further error follows. A model with a
//! stand-in does not compile, so none of this ever runs.

use crate::check;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::geometry::{Geometry, Map, Window};
use crate::kernels::{Element, VisionDevice};
use crate::nn::{
    ConvOptions, Empty, Features, Integration, Layer, MapOf, Nonlinearity, Operation, Pool, Readout, Signal, Solver,
    Zeros,
};
use crate::ops::MapShape;
use crate::time::History;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, Shape, Tape, Tensor};
use std::any::Any;
use std::marker::PhantomData;

/// `T`, if it is what it should be, else [`Missing`].
pub type Part<T, const IS: bool> = <Choice<IS> as Choose<T>>::Part;

/// Which of two types.
pub struct Choice<const IS: bool>;

/// Chooses between `T` and [`Missing`].
pub trait Choose<T> {
    /// The choice.
    type Part;
}
impl<T> Choose<T> for Choice<true> {
    type Part = T;
}
impl<T> Choose<T> for Choice<false> {
    type Part = Missing;
}

/// The answer for types that do not have the trait in question. Where they have it, the constant of the same name of
/// [`IsLayer`] and its like comes first: inherent constants hide those of traits.
pub trait Not {
    /// Whether the type has the trait.
    const YES: bool = false;
}

macro_rules! questions {
    ($($question:ident $kind:ident)*) => {
        $(
            #[doc = concat!("Asks whether `T` is a `", stringify!($kind), "`.")]
            pub struct $question<T>(PhantomData<T>);
            impl<T> Not for $question<T> {}
            impl<T: $kind> $question<T> {
                /// It is.
                pub const YES: bool = true;
            }
        )*
    };
}
questions! {
    IsLayer Layer
    IsPool Pool
    IsOperation Operation
    IsNonlinearity Nonlinearity
    IsSolver Solver
    IsReadout Readout
    IsIntegration Integration
    IsConvOptions ConvOptions
}

/// `is!(Layer, T)`: whether a concrete type has a trait, as a constant.
#[doc(hidden)]
#[macro_export]
macro_rules! __is {
    (@ $question:ident $t:ty) => {{
        #[allow(unused_imports)] // hidden by the inherent constant where there is one
        use $crate::__private::Not as _;
        $crate::__private::$question::<$t>::YES
    }};
    (Layer, $t:ty) => { $crate::__is!(@ IsLayer $t) };
    (Pool, $t:ty) => { $crate::__is!(@ IsPool $t) };
    (Operation, $t:ty) => { $crate::__is!(@ IsOperation $t) };
    (Nonlinearity, $t:ty) => { $crate::__is!(@ IsNonlinearity $t) };
    (Solver, $t:ty) => { $crate::__is!(@ IsSolver $t) };
    (Readout, $t:ty) => { $crate::__is!(@ IsReadout $t) };
    (Integration, $t:ty) => { $crate::__is!(@ IsIntegration $t) };
    (ConvOptions, $t:ty) => { $crate::__is!(@ IsConvOptions $t) };
}

/// Needs a solver.
pub const fn is_solver<T: Solver>() {}

/// [`check::check_layer`] of a type.
#[track_caller]
pub const fn check_layer<L: Layer>(area: &str, source: &str, from: Map) {
    check::check_layer(area, L::GEOMETRY, L::TYPED, L::MISFIT, source, from);
}

/// [`check::check_state`] of a type.
#[track_caller]
pub const fn check_state<L: Layer>(area: &str, layer: Map, state: Map) {
    check::check_state(area, L::RECURRENT, layer, state);
}

/// The past of an area as its layer reads it: none where a pooling before `delay` has made it another map.
pub fn own_past<'a, S: Shape, Own: Shape, E: Dtype, D: Device<E>>(
    state: &'a History<S, E, D>,
    none: &'a History<Own, E, D>,
) -> &'a History<Own, E, D> {
    (state as &dyn Any).downcast_ref().unwrap_or(none)
}

/// [`check::check_pool`] of a type.
#[track_caller]
pub const fn check_pool<P: Pool>(area: &str, from: Map) {
    check::check_pool(area, P::GEOMETRY, from);
}

/// [`check::check_operation`] of a type.
#[track_caller]
pub const fn check_operation<O: Operation>(operation: &str, area: &str, from: Map) {
    check::check_operation(operation, area, O::MISFIT, O::CHANNELS, O::MAP, from);
}

/// [`check::check_readout`] of a type.
#[track_caller]
pub const fn check_readout<R: Readout>(readout: &str, source: &str, from: Map) {
    check::check_readout(readout, R::FEATURES, source, from);
}

/// A part of every kind, that does nothing.
#[derive(Clone, Debug)]
pub struct Missing;
crate::spec!(impl Missing => Empty);

fn missing<T>() -> Result<T> {
    Err(Error::Setting("a part of the model is not of its kind".into()))
}

impl Layer for Missing {
    const GEOMETRY: Geometry = Geometry::pool(Window::POINT);
    const RECURRENT: bool = false;
    type In = Const<0>;
    type Out = Const<0>;

    fn step<B: Dim, H: ConstDim, W: ConstDim, Ho: ConstDim, Wo: ConstDim, E, D, T>(
        _: &Empty,
        _: Signal<(B, Const<0>, H, W), E, D>,
        _: &History<(B, Const<0>, Ho, Wo), E, D>,
        _: &mut Cx<T>,
    ) -> Result<Signal<(B, Const<0>, Ho, Wo), E, D>>
    where
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        missing()
    }
}
impl Pool for Missing {
    const GEOMETRY: Geometry = Geometry::pool(Window::POINT);

    fn pool<B: Dim, C: Dim, H: Dim, W: Dim, Ho: Dim, Wo: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &MapOf<B, C, H, W, E, D>,
        _: &mut Cx<T>,
    ) -> Result<MapOf<B, C, Ho, Wo, E, D>> {
        missing()
    }
}
impl Operation for Missing {
    fn apply<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: MapOf<B, C, H, W, E, D>,
        _: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        missing()
    }
}
impl Nonlinearity for Missing {}
impl Solver for Missing {
    fn solve<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: MapOf<B, C, H, W, E, D>,
        _: Option<&MapOf<B, C, H, W, E, D>>,
        _: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        missing()
    }
}
impl Integration for Missing {
    fn integrate<S: MapShape, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: Tensor<S, E, D>,
        _: &Tensor<S, E, D>,
        _: &mut Cx<T>,
    ) -> Result<Tensor<S, E, D>> {
        missing()
    }
}
impl ConvOptions for Missing {
    type Init = Zeros;
}
impl Readout for Missing {
    const FEATURES: Features = Features::Any;
    type Classes = Const<0>;

    fn read<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: Signal<(B, C, H, W), E, D>,
        _: B,
        _: &mut Cx<T>,
    ) -> Result<Tensor<(B, Const<0>), E, D>> {
        missing()
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::{Classifier, MaxPool2d, RConv2d, Relu};

    #[test]
    fn kinds_are_told_apart() {
        const ANSWERS: [bool; 5] = [
            crate::__is!(Layer, RConv2d<3, 4>),
            crate::__is!(Layer, MaxPool2d<2>),
            crate::__is!(Layer, RConv2d<3, 4, 3, 1, Relu>),
            crate::__is!(Readout, Classifier<3, 4>),
            crate::__is!(Readout, String),
        ];
        assert_eq!(ANSWERS, [true, false, false, true, false]);
    }
}
