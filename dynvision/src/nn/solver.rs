//! The differential equation of an area, `tau dy/dt = -y + x`, one step at a time.

use super::{Empty, MapOf, Nonlinearity, Signal, Spec};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops::{self, Rate};
use crate::time::History;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Device, Dim, Dtype, Tape, Tensor};
use std::marker::PhantomData;

/// A step in time from the state `h` of an area under the drive `x`. The state is the newest answer of the area, after
/// all its operations, as in the original.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a solver",
    label = "expected a solver, such as `Euler` or `RungeKutta4`"
)]
pub trait Solver: Spec {
    /// The new state.
    ///
    /// # Shapes
    /// `x`, `h` and the result are `(B, C, H, W)`.
    ///
    /// # Errors
    /// Those of its operations.
    fn solve<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: MapOf<B, C, H, W, E, D>,
        h: Option<&MapOf<B, C, H, W, E, D>>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>>;

    /// The new state, through a nonlinearity. Worth an implementation of its own where both are one pass.
    ///
    /// # Errors
    /// Those of its operations.
    fn solve_nonlin<N: Nonlinearity, B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        nonlin: &N::Built<E, D>,
        x: MapOf<B, C, H, W, E, D>,
        h: Option<&MapOf<B, C, H, W, E, D>>,
        cx: &mut Cx<T>,
    ) -> Result<MapOf<B, C, H, W, E, D>> {
        let y = Self::solve(built, x, h, cx)?;
        N::apply(nonlin, y, cx)
    }

    /// Sets a trained time constant, in ms; a solver without one takes it from the dynamics.
    fn set_tau<E: Dtype, D: Device<E>>(_built: &mut Self::Built<E, D>, _ms: f64) {}
}

/// Where a solver finds its time constant: a type, since optimizers cannot see a value.
pub trait TimeConstant: Spec + Clone + std::fmt::Debug + 'static {
    /// The time constant in ms, and its tensor if it is trained.
    fn tau<E: Element, D: VisionDevice<E>, T>(built: &Self::Built<E, D>, cx: &Cx<T>)
    -> (f64, Option<Tensor<(), E, D>>);

    /// Sets it, if it is trained.
    fn set<E: Dtype, D: Device<E>>(_built: &mut Self::Built<E, D>, _ms: f64) {}
}

/// The time constant of the area in the model's [`Dynamics`](crate::time::Dynamics).
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedTau;
crate::spec!(impl FixedTau => Empty);
impl TimeConstant for FixedTau {
    fn tau<E: Element, D: VisionDevice<E>, T>(_: &Empty, cx: &Cx<T>) -> (f64, Option<Tensor<(), E, D>>) {
        (cx.area().tau, None)
    }
}

/// A trained time constant, in ms. It begins with that of the area in the declaration's dynamics; `reset_params` of dfdx
/// puts it to 5 ms, the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainedTau;
crate::spec!(impl TrainedTau => built::Tau<E, D>);
impl TimeConstant for TrainedTau {
    fn tau<E: Element, D: VisionDevice<E>, T>(built: &built::Tau<E, D>, _: &Cx<T>) -> (f64, Option<Tensor<(), E, D>>) {
        let ms = built.tau.as_vec().first().and_then(|tau| tau.to_f64()).unwrap_or(f64::NAN);
        (ms, Some(built.tau.clone()))
    }

    fn set<E: Dtype, D: Device<E>>(built: &mut built::Tau<E, D>, ms: f64) {
        built.tau.copy_from(&[E::from_f64(ms).unwrap_or_default()]);
    }
}

/// Euler's method: `y = h + dt/tau (x - h)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Euler<T = FixedTau>(PhantomData<T>);
/// The classical Runge-Kutta method under a drive that is constant during the step. With `a = dt/tau` it is the leaky
/// step of rate `a - a²/2 + a³/6 - a⁴/24`; without a state the first answer is `a x`, that of Euler's method.
#[derive(Clone, Copy, Debug, Default)]
pub struct RungeKutta4<T = FixedTau>(PhantomData<T>);

/// A linear one-step method: how its rate depends on `a = dt/tau`, and the derivative.
trait OneStep {
    /// Its name, and the `dt/tau` up to which it is stable.
    const STABLE: (&'static str, f64);

    fn rate(a: f64) -> (f64, f64);
}
impl<K> OneStep for Euler<K> {
    const STABLE: (&'static str, f64) = ("Euler's method", 2.0);

    fn rate(a: f64) -> (f64, f64) {
        (a, 1.0)
    }
}
impl<K> OneStep for RungeKutta4<K> {
    const STABLE: (&'static str, f64) = ("the Runge-Kutta method", 2.785_293_563_405_282);

    fn rate(a: f64) -> (f64, f64) {
        (a - a * a / 2.0 + a.powi(3) / 6.0 - a.powi(4) / 24.0, 1.0 - a + a * a / 2.0 - a.powi(3) / 6.0)
    }
}

fn rate<M: OneStep, K: TimeConstant, E: Element, D: VisionDevice<E>, T>(
    built: &K::Built<E, D>,
    begins: bool,
    cx: &Cx<T>,
) -> Result<Rate<E, D>> {
    let (tau, trained) = K::tau(built, cx);
    if !(tau.is_finite() && tau > 0.0) {
        return Err(Error::Time { name: "tau".into(), ms: tau, must: "positive" });
    }
    let dt = cx.area().dt;
    let (method, limit) = M::STABLE;
    if dt / tau > limit {
        return Err(Error::Setting(format!(
            "tau = {tau} ms is too short for dt = {dt} ms: {method} is stable up to dt/tau = {limit:.3}, and this is {:.3}; a \
             smaller dt or a longer tau is stable",
            dt / tau
        )));
    }
    let (value, by_a) = if begins { (dt / tau, 1.0) } else { M::rate(dt / tau) };
    Ok(Rate { value, trained: trained.map(|tensor| (tensor, -by_a * dt / (tau * tau))) })
}

macro_rules! one_step {
    ($solver:ident) => {
        impl<K: TimeConstant> Spec for $solver<K> {
            type Built<E: Dtype, D: Device<E>> = K::Built<E, D>;

            fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
                it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
            ) -> Self::Built<E2, D2> {
                K::converted::<E, D, E2, D2>(it)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<K: TimeConstant> Solver for $solver<K> {
            fn solve<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                x: MapOf<B, C, H, W, E, D>,
                h: Option<&MapOf<B, C, H, W, E, D>>,
                cx: &mut Cx<T>,
            ) -> Result<MapOf<B, C, H, W, E, D>> {
                ops::leaky(&rate::<Self, K, E, D, T>(built, h.is_none(), cx)?, x, h, false, cx)
            }

            fn solve_nonlin<N: Nonlinearity, B: Dim, C: Dim, H: Dim, W: Dim, E, D, T>(
                built: &Self::Built<E, D>,
                nonlin: &N::Built<E, D>,
                x: MapOf<B, C, H, W, E, D>,
                h: Option<&MapOf<B, C, H, W, E, D>>,
                cx: &mut Cx<T>,
            ) -> Result<MapOf<B, C, H, W, E, D>>
            where
                E: Element,
                D: VisionDevice<E>,
                T: Tape<E, D>,
            {
                let rate = rate::<Self, K, E, D, T>(built, h.is_none(), cx)?;
                let y = ops::leaky(&rate, x, h, N::RECTIFIES, cx)?;
                if N::RECTIFIES { Ok(y) } else { N::apply(nonlin, y, cx) }
            }

            fn set_tau<E: Dtype, D: Device<E>>(built: &mut Self::Built<E, D>, ms: f64) {
                K::set::<E, D>(built, ms);
            }
        }
    };
}
one_step!(Euler);
one_step!(RungeKutta4);

/// The solver's step of an area with this past; an absent drive stays absent.
///
/// # Errors
/// Those of the solver.
pub fn tstep<P: Solver, B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    built: &P::Built<E, D>,
    x: Signal<(B, C, H, W), E, D>,
    own: &History<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, C, H, W), E, D>> {
    x.map(|x| P::solve(built, x, own.ago(1), cx)).transpose()
}

/// [`tstep`] and the nonlinearity that follows it, in one pass where the solver can.
///
/// # Errors
/// Those of the solver and of the nonlinearity.
pub fn tstep_nonlin<P: Solver, N: Nonlinearity, B: Dim, C: Dim, H: Dim, W: Dim, E, D, T>(
    built: &P::Built<E, D>,
    nonlin: &N::Built<E, D>,
    x: Signal<(B, C, H, W), E, D>,
    own: &History<(B, C, H, W), E, D>,
    cx: &mut Cx<T>,
) -> Result<Signal<(B, C, H, W), E, D>>
where
    E: Element,
    D: VisionDevice<E>,
    T: Tape<E, D>,
{
    x.map(|x| P::solve_nonlin::<N, B, C, H, W, E, D, T>(built, nonlin, x, own.ago(1), cx)).transpose()
}

/// What holds a trained time constant.
pub(crate) mod built {
    use dfdx::nn::{ModuleVisitor, TensorCollection, TensorOptions};
    use dfdx::prelude::{Device, Dtype, Tensor};

    /// A trained time constant.
    #[derive(Clone, Debug)]
    pub struct Tau<E: Dtype, D: Device<E>> {
        /// In ms.
        pub tau: Tensor<(), E, D>,
    }

    impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Tau<E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Tau<E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let options = TensorOptions::reset_with(|t: &mut Tensor<(), E, D>| {
                t.copy_from(&[E::from_f64(5.0).unwrap_or_default()]);
                Ok(())
            });
            visitor.visit_fields(Self::tensor("tau", |s| &s.tau, |s| &mut s.tau, options), |tau| Tau { tau })
        }
    }
}
