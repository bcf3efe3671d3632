//! Which way a convolution is computed, and what is prepared from a weight once and read at every step.

use super::plan::Plan;
use super::problem::Problem;
use super::weights::Sums;
use super::winograd::{self, WinogradPlan};
use super::{depthwise, implicit};
use crate::isa::{self, Isa};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// [`Winograd2`](Algorithm::Winograd2) where it can compute the convolution and pays: with AVX2 or AVX-512, at least 16
    /// channels taken and given, outputs whose rows, filled up to 4, 8 or a multiple of 16 columns, grow by at most half, and
    /// at least 64 places in the whole batch; for the gradient of the weight also zeros beyond the border and at least 8
    /// images. Else [`Depthwise`](Algorithm::Depthwise) where it can compute the convolution; else
    /// [`Implicit`](Algorithm::Implicit).
    #[default]
    Auto = 0,
    /// Copied patches and a matrix product: every geometry, every number type.
    Portable = 1,
    /// The implicit matrix product: every geometry in `f32`.
    Implicit = 2,
    /// Winograd's F(2x2, 3x3): ungrouped 3x3 kernels at stride 1 in `f32`.
    Winograd2 = 3,
    /// A loop over taps for every plane: kernels of one channel each in `f32`, for at most two outputs of each.
    Depthwise = 4,
    /// Winograd's F(4x4, 3x3), where [`Winograd2`](Algorithm::Winograd2) can: fewer products, and about ten times its error.
    /// Gradients of weights are those of [`Winograd2`](Algorithm::Winograd2).
    Winograd4 = 5,
}

impl Algorithm {
    /// Rows and columns that a tile of this algorithm makes, if it is one of Winograd's.
    pub(super) fn tiles(self) -> Option<usize> {
        match self {
            Algorithm::Winograd2 => Some(2),
            Algorithm::Winograd4 => Some(4),
            _ => None,
        }
    }
}

/// What [`set_default_algorithm`] chose.
static DEFAULT: AtomicU8 = AtomicU8::new(Algorithm::Auto as u8);

/// Chooses how convolutions are computed in the whole process, unless their [`Packs`] say otherwise. An algorithm that
/// cannot compute a convolution gives way to the next simpler one.
pub fn set_default_algorithm(algorithm: Algorithm) {
    DEFAULT.store(algorithm as u8, Ordering::Relaxed);
}

fn default_algorithm() -> Algorithm {
    [Algorithm::Portable, Algorithm::Implicit, Algorithm::Winograd2, Algorithm::Depthwise, Algorithm::Winograd4]
        .into_iter()
        .find(|&algorithm| algorithm as u8 == DEFAULT.load(Ordering::Relaxed))
        .unwrap_or_default()
}

/// What the kernels prepare from one weight tensor the first time that they meet it: packed panels, transforms.
///
/// Keep one beside each weight for as long as the weight does not change (all steps of an unroll), and start with a new
/// one afterwards. Filling it is thread-safe.
///
/// ```
/// use dynvision_kernels::geometry::{Conv, Window};
/// use dynvision_kernels::conv::{Onto, Packs, forward};
///
/// let conv = Conv::new(Window::new(2, 1, 0));
/// let packs = Packs::default();
/// let mut y = [0.0f32];
/// for step in 1..=3 {
///     forward(&conv, &[step as f32; 4], [1, 1, 2, 2], &[1.0; 4], [1, 1, 2, 2], None, &packs, &mut y, [1; 4], Onto::Nothing);
///     assert_eq!(y, [4.0 * step as f32]);
/// }
/// ```
#[derive(Debug)]
pub struct Packs<E> {
    store: Store,
    _of: PhantomData<E>,
}

impl<E> Default for Packs<E> {
    fn default() -> Self {
        Packs { store: Store::default(), _of: PhantomData }
    }
}

impl<E> Packs<E> {
    /// Packs whose convolutions are computed by `algorithm`, whatever the process-wide choice.
    pub fn with_algorithm(algorithm: Algorithm) -> Self {
        Packs { store: Store { algorithm: Some(algorithm), ..Store::default() }, _of: PhantomData }
    }

    /// The same, with one instruction set, which this processor has to have.
    #[cfg(test)]
    pub(super) fn forced(algorithm: Algorithm, isa: Isa) -> Self {
        Packs { store: Store { algorithm: Some(algorithm), isa: Some(isa), ..Store::default() }, _of: PhantomData }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }
}

/// What [`Packs`] hold, whatever their number type.
#[derive(Debug, Default)]
pub(super) struct Store {
    algorithm: Option<Algorithm>,
    isa: Option<Isa>,
    plans: Kept<Plan>,
    sums: Mutex<Vec<Sums>>,
    winograd: Kept<WinogradPlan>,
}

/// Plans with what they were made for.
type Kept<P> = Mutex<Vec<(Key, Arc<P>)>>;

/// What a plan was made for.
#[derive(Debug, PartialEq)]
struct Key {
    /// With the number of images left out.
    problem: Problem,
    /// Rows and columns that a tile makes.
    made: usize,
    adjoint: bool,
    isa: Isa,
}

/// What `algorithm` means where Winograd's cannot be used.
fn without_winograd(algorithm: Algorithm, problem: &Problem) -> Algorithm {
    match algorithm {
        _ if !implicit::can(problem) => Algorithm::Portable,
        Algorithm::Portable => Algorithm::Portable,
        Algorithm::Auto | Algorithm::Depthwise if depthwise::can(problem) => Algorithm::Depthwise,
        _ => Algorithm::Implicit,
    }
}

impl Store {
    pub(super) fn algorithm(&self, problem: &Problem) -> Algorithm {
        match self.chosen() {
            algorithm if !winograd::can(problem) => without_winograd(algorithm, problem),
            Algorithm::Auto if winograd::pays(problem, self.isa()) => Algorithm::Winograd2,
            algorithm if algorithm.tiles().is_some() => algorithm,
            algorithm => without_winograd(algorithm, problem),
        }
    }

    /// The one for the gradient of the weight.
    pub(super) fn algorithm_of_weights(&self, problem: &Problem) -> Algorithm {
        match self.chosen() {
            algorithm if !winograd::Tiles::can(problem) => without_winograd(algorithm, problem),
            Algorithm::Auto if winograd::pays_for_weights(problem, self.isa()) => Algorithm::Winograd2,
            // Larger tiles would take more than twice the sums.
            algorithm if algorithm.tiles().is_some() => Algorithm::Winograd2,
            algorithm => without_winograd(algorithm, problem),
        }
    }

    fn chosen(&self) -> Algorithm {
        self.algorithm.unwrap_or_else(default_algorithm)
    }

    /// Adds what `gy` passes back to the weight to sums that are kept until they are collected.
    pub(super) fn gather(&self, algorithm: Algorithm, problem: &Problem, x: &[f32], gy: &[f32]) {
        let mut all = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|sums| sums.is_of(algorithm, problem));
        let at = known.unwrap_or_else(|| {
            all.push(Sums::new(algorithm, problem, self.isa()));
            all.len() - 1
        });
        all[at].add(x, gy);
    }

    /// Adds all that was gathered to `gw`.
    pub(super) fn collect(&self, gw: &mut [f32]) {
        let mut all = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        all.drain(..).for_each(|sums| sums.collect(gw));
    }

    /// The instruction set to use.
    pub(super) fn isa(&self) -> Isa {
        self.isa.unwrap_or_else(isa::current)
    }

    /// The plan of `problem` or its adjoint, made from `w` if this is the first time.
    pub(super) fn plan(&self, problem: &Problem, adjoint: bool, w: &[f32]) -> Arc<Plan> {
        let make = if adjoint { Plan::backward_data } else { Plan::forward };
        self.kept(&self.plans, 1, problem, adjoint, |isa| make(problem, w, isa))
    }

    /// The same for Winograd's algorithm.
    pub(super) fn winograd(&self, made: usize, problem: &Problem, adjoint: bool, w: &[f32]) -> Arc<WinogradPlan> {
        let make = if adjoint { WinogradPlan::backward_data } else { WinogradPlan::forward };
        self.kept(&self.winograd, made, problem, adjoint, |isa| make(made, problem, w, isa))
    }

    fn kept<P>(
        &self,
        plans: &Kept<P>,
        made: usize,
        problem: &Problem,
        adjoint: bool,
        make: impl FnOnce(Isa) -> P,
    ) -> Arc<P> {
        let isa = self.isa();
        let key = Key { problem: Problem { images: 0, ..*problem }, made, adjoint, isa };
        let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(found, _)| *found == key) {
            return plan.clone();
        }
        let plan = Arc::new(make(isa));
        plans.push((key, plan.clone()));
        plan
    }
}
