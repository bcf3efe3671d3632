//! The differential equation of an area, `tau dy/dt = -y + x`, one step at a time.

use super::{Empty, Nonlinearity, Spec};
use crate::error::{Error, Result};
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops::{self, Rate};
use crate::unroll::Context;
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Device, Dtype, Tape, Tensor};
use std::marker::PhantomData;

/// A step in time from the state `h` of an area under the drive `x`. The state is the newest response of the area, after
/// all its operations, as in the original.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a solver",
    label = "expected a solver, such as `Euler` or `RungeKutta4`"
)]
pub trait Solver: Spec {
    /// The number of channels that it is made for, if it is for one alone.
    const CHANNELS: Option<usize> = None;

    /// What is wrong with its parameters, if they cannot be meant.
    const MISFIT: Option<&'static str> = None;

    /// Computes the new state.
    ///
    /// # Shapes
    /// `x`, `h` and the result are `(B, C, H, W)`.
    ///
    /// # Errors
    /// Those of the operations that it calls.
    fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>>;

    /// Computes the new state through a nonlinearity. Worth an implementation of its own where both are one pass.
    ///
    /// # Errors
    /// Those of the solver and of the nonlinearity.
    fn solve_nonlin<N: Nonlinearity, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        nonlin: &N::Built<E, D>,
        x: Maps<E, D>,
        h: Option<&Maps<E, D>>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        let y = Self::solve(built, x, h, cx)?;
        N::forward(nonlin, y, cx)
    }

    /// The rate of the step, if it is a leaky one, `y = h + rate (x - h)`, and nothing else ([`ops::leaky`](ops::leaky())): it may then be
    /// taken together with the operation that makes the drive. `begins` says that there is no state yet.
    ///
    /// # Errors
    /// Those of [`solve`](Solver::solve).
    ///
    /// ```
    /// use dynvision::{nn::{Empty, Euler, Solver}, time::Plan, unroll::Context};
    /// use dfdx::prelude::{Cpu, NoneTape};
    /// let mut cx: Context<f32, Cpu> = Context::new(NoneTape, Plan::default()); // dt = 2 ms, tau = 5 ms
    /// assert_eq!(<Euler>::rate(&Empty, false, &mut cx)?.map(|rate| rate.value), Some(0.4));
    /// # Ok::<(), dynvision::error::Error>(())
    /// ```
    fn rate<E: Element, D: VisionDevice<E>, T>(
        _built: &Self::Built<E, D>,
        _begins: bool,
        _cx: &mut Context<E, D, T>,
    ) -> Result<Option<Rate<E, D>>> {
        Ok(None)
    }

    /// Sets a trained time constant, in ms; a solver without one takes it from the dynamics.
    fn set_tau<E: Dtype, D: Device<E>>(_built: &mut Self::Built<E, D>, _ms: f64) {}
}

/// Where a solver finds its time constant: a type, since optimizers cannot see a value.
pub trait TimeConstant: Spec + Clone + std::fmt::Debug + 'static {
    /// The time constant in ms, and its tensor if it is trained.
    fn tau<E: Element, D: VisionDevice<E>, T>(
        built: &Self::Built<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> (f64, Option<Tensor<(), E, D>>);

    /// Sets it, if it is trained.
    fn set<E: Dtype, D: Device<E>>(_built: &mut Self::Built<E, D>, _ms: f64) {}
}

/// The time constant of the area in the model's [`Dynamics`](crate::time::Dynamics).
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedTau;
crate::spec!(impl FixedTau => Empty);
impl TimeConstant for FixedTau {
    fn tau<E: Element, D: VisionDevice<E>, T>(_: &Empty, cx: &mut Context<E, D, T>) -> (f64, Option<Tensor<(), E, D>>) {
        (cx.area().tau, None)
    }
}

/// A trained time constant, in ms. It begins with that of the area in the declaration's dynamics; `reset_params` of dfdx
/// puts it to 5 ms, the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrainedTau;
crate::spec!(impl TrainedTau => built::Tau<E, D>);
impl TimeConstant for TrainedTau {
    fn tau<E: Element, D: VisionDevice<E>, T>(
        built: &built::Tau<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> (f64, Option<Tensor<(), E, D>>) {
        (cx.number(&built.tau), Some(built.tau.clone()))
    }

    fn set<E: Dtype, D: Device<E>>(built: &mut built::Tau<E, D>, ms: f64) {
        built.tau.copy_from(&[E::from_f64(ms).unwrap_or_default()]);
    }
}

/// Euler's method: `y = h + dt/tau (x - h)`. Stable up to `dt/tau = 2`.
///
/// # Shapes
/// `x`, `h` and the result are `(B, C, H, W)`.
///
/// ```
/// use dynvision::{nn::{Empty, Euler, Solver}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, h) = (ops::erase(dev.tensor([[[[1.0f64]]]]))?, ops::erase(dev.tensor([[[[2.0]]]]))?);
/// let mut cx = Context::new(NoneTape, Plan::default()); // dt = 2 ms, tau = 5 ms
/// let y = <Euler>::solve(&Empty, x, Some(&h), &mut cx)?;
/// assert!((y.as_vec()[0] - 1.6).abs() < 1e-12);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Euler<T = FixedTau>(PhantomData<T>);
/// The classical Runge-Kutta method under a drive that is constant during the step. With `a = dt/tau` it is the leaky
/// step of rate `a - a²/2 + a³/6 - a⁴/24`; without a state the first response is `a x`, that of Euler's method. Stable up to
/// `dt/tau = 2.785`.
///
/// # Shapes
/// `x`, `h` and the result are `(B, C, H, W)`.
///
/// ```
/// use dynvision::{nn::{Empty, RungeKutta4, Solver}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let (x, h) = (ops::erase(dev.tensor([[[[1.0f64]]]]))?, ops::erase(dev.tensor([[[[2.0]]]]))?);
/// let mut cx = Context::new(NoneTape, Plan::default()); // dt/tau = 0.4
/// let y = <RungeKutta4>::solve(&Empty, x, Some(&h), &mut cx)?;
/// assert!((y.as_vec()[0] - (1.0 + (-0.4f64).exp())).abs() < 1e-4); // near the exact solution
/// # Ok::<(), dynvision::error::Error>(())
/// ```
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
    cx: &mut Context<E, D, T>,
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
            fn solve<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                x: Maps<E, D>,
                h: Option<&Maps<E, D>>,
                cx: &mut Context<E, D, T>,
            ) -> Result<Maps<E, D>> {
                ops::leaky(&rate::<Self, K, E, D, T>(built, h.is_none(), cx)?, x, h, false, cx)
            }

            fn solve_nonlin<N: Nonlinearity, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
                built: &Self::Built<E, D>,
                nonlin: &N::Built<E, D>,
                x: Maps<E, D>,
                h: Option<&Maps<E, D>>,
                cx: &mut Context<E, D, T>,
            ) -> Result<Maps<E, D>> {
                let rate = rate::<Self, K, E, D, T>(built, h.is_none(), cx)?;
                let y = ops::leaky(&rate, x, h, N::RECTIFIES, cx)?;
                if N::RECTIFIES { Ok(y) } else { N::forward(nonlin, y, cx) }
            }

            fn rate<E: Element, D: VisionDevice<E>, T>(
                built: &Self::Built<E, D>,
                begins: bool,
                cx: &mut Context<E, D, T>,
            ) -> Result<Option<Rate<E, D>>> {
                rate::<Self, K, E, D, T>(built, begins, cx).map(Some)
            }

            fn set_tau<E: Dtype, D: Device<E>>(built: &mut Self::Built<E, D>, ms: f64) {
                K::set::<E, D>(built, ms);
            }
        }
    };
}
one_step!(Euler);
one_step!(RungeKutta4);

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
