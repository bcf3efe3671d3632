//! Normalisation across neighbouring channels.

use super::{Empty, Operation};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::Tape;
use std::fmt::Debug;
use std::marker::PhantomData;

/// The constants of a [`LocalResponseNorm`]: a type, so that they can stand in a specification.
pub trait ResponseNorm: Clone + Debug + 'static {
    /// How far a channel looks to each side.
    const RADIUS: usize;
    /// What is added to the weighted sum of squares.
    const C: f64;
    /// The weight of the sum of squares, not divided by the number of channels.
    const ALPHA: f64;
    /// The exponent.
    const BETA: f64;
}

/// Those of Spoerer, McClure and Kriegeskorte 2017: five channels, `c = 1`, `alpha = 1e-4`, `beta = 0.5`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spoerer2017;
impl ResponseNorm for Spoerer2017 {
    const RADIUS: usize = 2;
    const C: f64 = 1.0;
    const ALPHA: f64 = 1e-4;
    const BETA: f64 = 0.5;
}

/// Local response normalisation (Krizhevsky, Sutskever and Hinton 2012): `y_k = x_k (c + alpha sum x_j²)^-beta` over the
/// channels near `k`, with the constants `P`. See [`ops::local_response_norm`].
///
/// # Shapes
/// `(B, C, H, W)`, as it was.
///
/// ```
/// use dynvision::{nn::{Empty, LocalResponseNorm, Operation}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let x = ops::erase(Cpu::default().tensor([[[[300.0f64]], [[400.0]]]]))?;
/// let y = LocalResponseNorm::forward(&Empty, x, &mut Context::new(NoneTape, Plan::default()))?.as_vec();
/// assert!((y[1] - 400.0 / 26.0f64.sqrt()).abs() < 1e-9);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
pub type LocalResponseNorm = LocalResponseNormWith<Spoerer2017>;

/// [`LocalResponseNorm`] with constants of one's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalResponseNormWith<P>(PhantomData<P>);
crate::spec!(impl [P: ResponseNorm] LocalResponseNormWith<P> => Empty);

impl<P: ResponseNorm> Operation for LocalResponseNormWith<P> {
    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        _: &Empty,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Maps<E, D>> {
        ops::local_response_norm(P::RADIUS, [P::C, P::ALPHA, P::BETA], &x, cx)
    }
}
