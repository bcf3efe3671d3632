//! What stands in for a part of a model that is no part of the kind it should be.
//!
//! Generated code asks of each type whether it is what it stands for. If not, that is reported once, by a constant that
//! needs the trait; everywhere else [`Missing`] takes the type's place, so that no further error follows. A model with a
//! stand-in does not compile, so none of this ever runs.

use crate::check;
use crate::error::{Error, Result};
use crate::geometry::{EdgeSize, Features, Geometry, Map, Window};
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::nn::{ConvOptions, Edge, Empty, Integration, Layer, Nonlinearity, Operation, Pool, Readout, Solver, Zeros};
use crate::unroll::{Context, Past};
use dfdx::prelude::{Const, ConstDim, Tape};
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

/// `T` where it is what it should be, else `S`.
pub type Either<T, S, const IS: bool> = <Choice<IS> as Decide<T, S>>::Type;

/// Decides between two types.
pub trait Decide<T, S> {
    /// The choice.
    type Type;
}
impl<T, S> Decide<T, S> for Choice<true> {
    type Type = T;
}
impl<T, S> Decide<T, S> for Choice<false> {
    type Type = S;
}

/// `T`, written with parameters `P` that nothing else mentions: the compiler asks that each is.
pub type Beside<P, T> = <PhantomData<P> as Mention<T>>::Type;

/// Gives `T` back.
pub trait Mention<T> {
    /// `T`.
    type Type;
}
impl<P, T> Mention<T> for PhantomData<P> {
    type Type = T;
}

/// What generated code calls for a declaration that it cannot read, and of which the compiler has said why. Where it has not,
/// that nobody uses the answer is the error.
#[must_use = "`#[dyn_model]` cannot read this declaration"]
pub fn unread() -> bool {
    false
}

/// The tokens as they are. A path to the library that leads nowhere is one mistake, where all that uses it stands in here.
#[doc(hidden)]
#[macro_export]
macro_rules! __expanded {
    ($($code:tt)*) => { $($code)* };
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
    IsEdge Edge
}

/// Needs a solver.
pub const fn is_solver<T: Solver>() {}

/// [`check::check_layer`] of a type.
#[track_caller]
pub const fn check_layer<L: Layer>(area: &str, source: &str, from: Map) {
    check::check_layer(area, L::GEOMETRY, L::MISFIT, source, from);
}

/// [`check::check_state`] of a type.
#[track_caller]
pub const fn check_state<L: Layer>(area: &str, layer: Map, state: Map) {
    check::check_state(area, L::RECURRENT, layer, state);
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

/// [`check::check_operation`] of a solver.
#[track_caller]
pub const fn check_solver<P: Solver>(area: &str, from: Map) {
    check::check_operation("tstep", area, P::MISFIT, P::CHANNELS, None, from);
}

/// [`check::check_edge`] of a type.
#[track_caller]
pub const fn check_edge<P: Edge>(link: &str, into: &str, from: Map, to: Map) {
    check::check_edge(link, into, P::MISFIT, P::CHANNELS, P::SIZE, from, to);
}

/// [`check::check_readout`] of a type.
#[track_caller]
pub const fn check_readout<R: Readout>(readout: &str, source: &str, from: Map) {
    check::check_readout(readout, R::FEATURES, source, from);
    // what stands in for a readout takes anything, and has no classes
    if !matches!(R::FEATURES, Features::Any) {
        check::check_classes(readout, <R::Classes as ConstDim>::SIZE);
    }
}

/// The answer of a readout as a geometry, so that [`check::check_same`] compares it.
pub const fn classes<R: Readout>() -> Geometry {
    Geometry::conv(1, <R::Classes as ConstDim>::SIZE, Window::POINT)
}

/// A part of every kind, that does nothing.
#[derive(Clone, Debug)]
pub struct Missing;
crate::spec!(impl Missing => Empty);

fn missing<T>() -> Result<T> {
    Err(Error::Setting("a part of the model is not of its kind".into()))
}

impl Layer for Missing {
    const GEOMETRY: Geometry = check::MISSING;
    const RECURRENT: bool = false;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: Option<Maps<E, D>>,
        _: &Past<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Option<Maps<E, D>>> {
        missing()
    }
}
impl Pool for Missing {
    const GEOMETRY: Geometry = Geometry::pool(Window::POINT);

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        missing()
    }
}
impl Operation for Missing {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        missing()
    }
}
impl Nonlinearity for Missing {}
impl Solver for Missing {
    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: Maps<E, D>,
        _: Option<&Maps<E, D>>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        missing()
    }
}
impl Integration for Missing {
    fn integrate<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: Maps<E, D>,
        _: &Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        missing()
    }
}
impl Edge for Missing {
    const CHANNELS: (usize, usize) = (0, 0);
    const SIZE: EdgeSize = EdgeSize::Any;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: &Maps<E, D>,
        _: [usize; 2],
        _: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        missing()
    }
}
impl ConvOptions for Missing {
    type Init = Zeros;
}
impl Readout for Missing {
    const FEATURES: Features = Features::Any;
    type Classes = Const<0>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        _: Maps<E, D>,
        _: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        missing()
    }
}
