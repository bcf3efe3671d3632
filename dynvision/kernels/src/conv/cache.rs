//! Which way a convolution is computed, and what is prepared from a weight once and read at every step.

use super::plan::ImplicitPlan;
use super::separable::Reach;
use super::shape::ConvShape;
use super::weights::Sums;
use super::winograd::{self, Lanes, Tile, WinogradPlan};
use super::{depthwise, implicit};
use crate::error::{Result, of_one_length};
use crate::isa::{self, Isa};
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// [`Winograd2x4`](Algorithm::Winograd2x4) or [`Winograd2`](Algorithm::Winograd2), whichever needs fewer products on the
    /// maps of a batch, where they can compute the convolution and pay: with AVX2 or AVX-512, at least 16 channels taken and
    /// given, outputs whose rows, filled up to 4, 8 or a multiple of 16 columns (at stride 2: of 8), grow by at most half, and at
    /// least 64 places in the whole batch; for the gradient of the weight also zeros beyond the border. With fewer places, at stride 1
    /// and where all tiles fill no vector and the transformed weights are at most 2²¹, [`Winograd2`](Algorithm::Winograd2) again, but not
    /// for the gradient of the weight. Else
    /// [`Depthwise`](Algorithm::Depthwise) where it can compute the convolution; else [`Implicit`](Algorithm::Implicit).
    #[default]
    Auto,
    /// Copied patches and a matrix product: every geometry, every number type.
    Portable,
    /// The implicit matrix product: every geometry in `f32`.
    Implicit,
    /// Winograd's F(2x2, 3x3): ungrouped 3x3 kernels in `f32` at stride 1, or at stride 2 with one zero beyond the border. There
    /// each even row or column meets two taps and each odd one a third, so that 2x2 values take 25 products for 36.
    Winograd2,
    /// Winograd's F(2x4, 3x3), where [`Winograd2`](Algorithm::Winograd2) can: a quarter fewer products, with the error of a sum
    /// that is added up one product after the other. At stride 2 the same as that.
    Winograd2x4,
    /// A loop over taps for every plane: kernels of one channel each in `f32`, for at most two outputs of each.
    Depthwise,
    /// Winograd's F(4x4, 3x3), where [`Winograd2`](Algorithm::Winograd2) can: fewer products still, and about three times its
    /// error. Gradients of weights, and all at stride 2, are those of [`Winograd2x4`](Algorithm::Winograd2x4).
    Winograd4,
}

impl Algorithm {
    /// The tiles by which this algorithm computes `shape` or its adjoint, if it is one of Winograd's.
    pub(super) fn tile(self, shape: &ConvShape, adjoint: bool) -> Option<Tile> {
        match (self, shape.window.stride, adjoint) {
            (Algorithm::Winograd2 | Algorithm::Winograd2x4 | Algorithm::Winograd4, 2, false) => Some(Tile::Halving),
            (Algorithm::Winograd2 | Algorithm::Winograd2x4 | Algorithm::Winograd4, 2, true) => Some(Tile::Doubling),
            (Algorithm::Winograd2, ..) => Some(Tile::Two),
            (Algorithm::Winograd2x4, ..) => Some(Tile::TwoByFour),
            (Algorithm::Winograd4, ..) => Some(Tile::Four),
            _ => None,
        }
    }

    /// The one that has such tiles.
    fn by_tile(tile: Tile) -> Self {
        match tile {
            Tile::Two | Tile::Halving | Tile::Doubling => Algorithm::Winograd2,
            Tile::TwoByFour => Algorithm::Winograd2x4,
            Tile::Four => Algorithm::Winograd4,
        }
    }
}

thread_local! {
    /// What [`with_algorithm`] has chosen.
    static CHOSEN: Cell<Algorithm> = const { Cell::new(Algorithm::Auto) };
}

/// Calls `run`, in which new [`WeightCache`]s of this thread compute their convolutions by `algorithm`. One that cannot
/// compute a convolution gives way to the next simpler one.
pub fn with_algorithm<R>(algorithm: Algorithm, run: impl FnOnce() -> R) -> R {
    struct Restore(Algorithm);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _restore = Restore(CHOSEN.replace(algorithm));
    run()
}

/// What the kernels prepare from one weight tensor the first time that they meet it: packed panels, transforms.
///
/// Keep one beside each weight for as long as the weight does not change (all steps of an unroll), and start with a new
/// one afterwards. Filling it is thread-safe.
///
/// ```
/// use dynvision_kernels::geometry::{Conv, Window};
/// use dynvision_kernels::{Kernels, conv::{Accumulate, WeightCache}};
///
/// let conv = Conv::new(Window::new(2, 1, 0));
/// let cache = WeightCache::default();
/// let mut y = [0.0f32];
/// for step in 1..=3 {
///     f32::conv2d(&conv, &[step as f32; 4], [1, 1, 2, 2], &[1.0; 4], [1, 1, 2, 2], None, &cache, &mut y, [1; 4], Accumulate::Nothing)?;
///     assert_eq!(y, [4.0 * step as f32]);
/// }
/// # Ok::<(), dynvision_kernels::Error>(())
/// ```
#[derive(Debug)]
pub struct WeightCache<E> {
    store: Store,
    _of: PhantomData<E>,
}

impl<E> Default for WeightCache<E> {
    fn default() -> Self {
        WeightCache::with_algorithm(CHOSEN.get())
    }
}

impl<E> WeightCache<E> {
    /// An empty cache whose convolutions are computed by `algorithm`. One that cannot compute a convolution gives way to the
    /// next simpler one.
    pub fn with_algorithm(algorithm: Algorithm) -> Self {
        WeightCache { store: Store { algorithm, ..Store::default() }, _of: PhantomData }
    }

    /// Creates a cache by one instruction set, which this processor has to have: for tests.
    ///
    /// # Panics
    /// Where the processor has not the instruction set.
    #[doc(hidden)]
    pub fn forced(algorithm: Algorithm, isa: Isa) -> Self {
        assert!(isa::available().contains(&isa), "this processor has no {isa:?}");
        WeightCache { store: Store { algorithm, isa: Some(isa), ..Store::default() }, _of: PhantomData }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }
}

/// What [`WeightCache`] hold, whatever their number type.
#[derive(Debug, Default)]
pub(super) struct Store {
    algorithm: Algorithm,
    isa: Option<Isa>,
    plans: Kept<ImplicitPlan>,
    sums: Mutex<Vec<Sums>>,
    winograd: Kept<WinogradPlan>,
    reaches: Kept<Reach>,
}

/// Plans with what they were made for.
type Kept<P> = Mutex<Vec<(Key, Arc<P>)>>;

/// What a plan was made for.
#[derive(Debug, PartialEq)]
struct Key {
    /// With the number of images left out.
    shape: ConvShape,
    /// Those of Winograd's algorithm.
    tile: Option<(Tile, Lanes)>,
    adjoint: bool,
    isa: Isa,
}

/// What `algorithm` means where Winograd's cannot be used.
fn without_winograd(algorithm: Algorithm, shape: &ConvShape) -> Algorithm {
    match algorithm {
        _ if !implicit::can(shape) => Algorithm::Portable,
        Algorithm::Portable => Algorithm::Portable,
        Algorithm::Auto | Algorithm::Depthwise if depthwise::can(shape) => Algorithm::Depthwise,
        _ => Algorithm::Implicit,
    }
}

impl Store {
    pub(super) fn algorithm(&self, shape: &ConvShape) -> Algorithm {
        match self.chosen() {
            algorithm if !winograd::can(shape) => without_winograd(algorithm, shape),
            Algorithm::Auto if let Some(tile) = winograd::pays(shape, self.isa()) => Algorithm::by_tile(tile),
            Algorithm::Auto if let Some(tile) = winograd::pays_for_few(shape, self.isa()) => Algorithm::by_tile(tile),
            algorithm if algorithm.tile(shape, false).is_some() => algorithm,
            algorithm => without_winograd(algorithm, shape),
        }
    }

    /// The one for the gradient of the weight.
    pub(super) fn algorithm_of_weights(&self, shape: &ConvShape) -> Algorithm {
        match self.chosen() {
            algorithm if !winograd::Tiles::can(shape) => without_winograd(algorithm, shape),
            Algorithm::Auto if let Some(tile) = winograd::pays(shape, self.isa()) => Algorithm::by_tile(tile),
            // Larger tiles would take more sums.
            Algorithm::Winograd4 => Algorithm::Winograd2x4,
            algorithm @ (Algorithm::Winograd2 | Algorithm::Winograd2x4) => algorithm,
            algorithm => without_winograd(algorithm, shape),
        }
    }

    fn chosen(&self) -> Algorithm {
        self.algorithm
    }

    /// Adds what `gy` passes back to the weight to sums that are kept until they are collected.
    pub(super) fn gather(&self, algorithm: Algorithm, shape: &ConvShape, x: &[f32], gy: &[f32]) {
        self.gather_by(algorithm, shape, |sums| sums.add(x, gy));
    }

    /// Calls `with` the sums of `shape` that are kept until they are collected. Meanwhile they are nobody else's: a thread that waits
    /// for its helpers may take up another caller's work, which has sums of its own then.
    pub(super) fn gather_by<R>(&self, algorithm: Algorithm, shape: &ConvShape, with: impl FnOnce(&mut Sums) -> R) -> R {
        let all = || self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |mut all: MutexGuard<'_, Vec<Sums>>| {
            let known = all.iter().position(|sums| sums.is_of(algorithm, shape));
            known.map(|at| all.swap_remove(at))
        };
        let mut sums = take(all()).unwrap_or_else(|| Sums::new(algorithm, shape, self.isa()));
        let result = with(&mut sums);
        all().push(sums);
        result
    }

    /// Adds all that was gathered to `gw`.
    pub(super) fn collect(&self, gw: &mut [f32]) -> Result {
        // taken out, and summed up when the lock is free again
        let taken = {
            let mut all = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
            for sums in all.iter() {
                of_one_length("convolution", [("the weight", sums.weight_len()), ("its gradient", gw.len())])?;
            }
            mem::take(&mut *all)
        };
        taken.into_iter().for_each(|sums| sums.collect(gw));
        Ok(())
    }

    /// The instruction set to use.
    pub(super) fn isa(&self) -> Isa {
        self.isa.unwrap_or_else(isa::current)
    }

    /// The plan of `shape` or its adjoint, made from `w` if this is the first time.
    pub(super) fn plan(&self, shape: &ConvShape, adjoint: bool, w: &[f32]) -> Arc<ImplicitPlan> {
        let make = if adjoint { ImplicitPlan::backward_data } else { ImplicitPlan::forward };
        self.kept(&self.plans, None, shape, adjoint, |isa| make(shape, w, isa))
    }

    /// The plan of `shape` or its adjoint by Winograd's algorithm.
    pub(super) fn winograd(&self, tile: Tile, shape: &ConvShape, adjoint: bool, w: &[f32]) -> Arc<WinogradPlan> {
        let (make, output) = match adjoint {
            true => (WinogradPlan::backward_data as fn(_, _, &_, &_, _) -> _, shape.input),
            false => (WinogradPlan::forward as fn(_, _, &_, &_, _) -> _, shape.output),
        };
        let lanes = Lanes::of(tile, shape.images, output);
        self.kept(&self.winograd, Some((tile, lanes)), shape, adjoint, |isa| make(tile, lanes, shape, w, isa))
    }

    /// Which places the taps of `shape` meet.
    pub(super) fn reach(&self, shape: &ConvShape) -> Arc<Reach> {
        self.kept(&self.reaches, None, shape, false, |_| Reach::new(shape))
    }

    fn kept<P>(
        &self,
        plans: &Kept<P>,
        tile: Option<(Tile, Lanes)>,
        shape: &ConvShape,
        adjoint: bool,
        make: impl FnOnce(Isa) -> P,
    ) -> Arc<P> {
        let isa = self.isa();
        let key = Key { shape: ConvShape { images: 0, ..*shape }, tile, adjoint, isa };
        let plans = || plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            |plans: &[(Key, Arc<P>)]| plans.iter().find(|(found, _)| *found == key).map(|(_, plan)| plan.clone());
        if let Some(plan) = known(&plans()) {
            return plan;
        }
        // not under the lock, for which another task of this thread may ask while it waits for its helpers
        let plan = Arc::new(make(isa));
        let mut plans = plans();
        if let Some(first) = known(&plans) {
            return first;
        }
        plans.push((key, plan.clone()));
        plan
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::geometry::{Conv, Window};

    #[test]
    fn few_tiles_are_tiles_but_not_for_the_gradient_of_the_weight() {
        let chosen = |images: usize, channels: usize, stride: usize| {
            let conv = Conv::new(Window::same(3, stride));
            let (xd, yd) = ([images, channels, 4, 4], [images, channels, 4 / stride, 4 / stride]);
            let shape = ConvShape::new(&conv, xd, [channels, channels, 3, 3], yd).unwrap();
            let store = Store { isa: isa::available().last().copied(), ..Store::default() };
            (store.algorithm(&shape), store.algorithm_of_weights(&shape))
        };
        let implicit = (Algorithm::Implicit, Algorithm::Implicit);
        if isa::available().last() == Some(&Isa::Plain) {
            return assert_eq!(chosen(1, 32, 1), implicit);
        }
        assert_eq!(chosen(1, 32, 1), (Algorithm::Winograd2, Algorithm::Implicit));
        assert_eq!(chosen(3, 32, 1), (Algorithm::Winograd2, Algorithm::Implicit));
        assert_eq!(chosen(4, 32, 1), (Algorithm::Winograd2, Algorithm::Winograd2));
        assert_eq!(chosen(1, 8, 1), implicit, "few channels");
        assert_eq!(chosen(1, 512, 1), implicit, "many weights");
        assert_eq!(chosen(1, 32, 2), implicit, "stride 2");
    }

    #[test]
    fn an_algorithm_is_chosen_for_a_run_and_for_no_other() {
        let conv = Conv::new(Window::same(3, 1));
        let shape = ConvShape::new(&conv, [2, 16, 8, 8], [16, 16, 3, 3], [2, 16, 8, 8]).unwrap();
        let chosen = || WeightCache::<f32>::default().store().algorithm(&shape);
        let auto = chosen();
        let inside = with_algorithm(Algorithm::Portable, || {
            let other = std::thread::scope(|scope| scope.spawn(chosen).join().unwrap());
            (chosen(), with_algorithm(Algorithm::Winograd4, chosen), chosen(), other)
        });
        assert_eq!(inside, (Algorithm::Portable, Algorithm::Winograd4, Algorithm::Portable, auto));
        assert_eq!(chosen(), auto);
    }
}
