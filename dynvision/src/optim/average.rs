//! Averages of weights.

use super::OptimError;
use dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorRef};
use dfdx::prelude::{Device, Dtype, ReshapeTo, Shape, Tensor};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// An exponential moving average of weights, which changes more smoothly than they do and often generalises better
/// ([Polyak and Juditsky 1992](https://doi.org/10.1137/0330046)): after each update `a = a + (1 - d) (w - a)`, from the first
/// weights on. Tensors that are not trained, such as the running moments of batch norms, are those of the weights.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::optim::Average;
/// let dev = Cpu::default();
/// let mut average = dev.tensor([0.0f64, 4.0]);
/// let weights = dev.tensor([1.0, 4.0]);
/// let rule = Average { decay: 0.75, warmup: false };
/// for expected in [0.25, 0.4375] {
///     rule.follow(&mut average, &weights, 1)?;
///     assert_eq!(average.array(), [expected, 4.0]);
/// }
/// # Ok::<(), dynvision::optim::OptimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Average {
    /// How much of the average an update keeps, `d`.
    pub decay: f64,
    /// Whether early updates keep less, so that the first weights are soon forgotten: at update `n`, counted from 0, the decay
    /// is at most `(1 + n) / (10 + n)`, as in TensorFlow's `ExponentialMovingAverage`.
    #[serde(default)]
    pub warmup: bool,
}

impl Average {
    /// With that decay from the beginning.
    pub const fn of(decay: f64) -> Self {
        Average { decay, warmup: false }
    }

    /// The decay at an update, counted from 0.
    pub fn at(&self, update: u64) -> f64 {
        let limit = (1.0 + update as f64) / (10.0 + update as f64);
        if self.warmup { self.decay.min(limit) } else { self.decay }
    }

    /// Takes a model's weights into an average after the update of that number, counted from 0.
    ///
    /// # Errors
    /// Those of the device.
    pub fn follow<M, E, D>(&self, average: &mut M, model: &M, update: u64) -> Result<(), OptimError>
    where
        M: TensorCollection<E, D>,
        E: Dtype,
        D: Device<E>,
    {
        let mut follow = Follow { share: 1.0 - self.at(update), of: PhantomData };
        M::iter_tensors(&mut RecursiveWalker { m: (average, model), f: &mut follow }).map_err(OptimError::device)?;
        Ok(())
    }

    /// Checks the decay.
    ///
    /// # Errors
    /// One that is not from 0 to below 1.
    pub fn check(&self) -> Result<(), OptimError> {
        if (0.0..1.0).contains(&self.decay) {
            return Ok(());
        }
        Err(OptimError::setting("average.decay", self.decay, "a number from 0 to below 1"))
    }
}

struct Follow<E, D> {
    share: f64,
    of: PhantomData<(E, D)>,
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Follow<E, D> {
    type Viewer = (ViewTensorMut, ViewTensorRef);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (average, weights): (&mut Tensor<S, E, D>, &Tensor<S, E, D>),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if options.do_gradient_update {
            // what does not change stays as it is, bit by bit: a parameter that is frozen
            let mut next = average.clone().try_contiguous()?;
            let mut ahead = weights.clone().try_contiguous()?;
            ahead.try_axpy(1.0, &next, -1.0)?;
            next.try_axpy(1.0, &ahead, self.share)?;
            *average = next;
        } else {
            *average = weights.clone();
        }
        Ok(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use dfdx::prelude::{AsArray, Cpu, TensorFrom};

    #[test]
    fn what_stays_is_kept_bit_by_bit_and_what_moves_is_followed() {
        let dev = Cpu::default();
        let (mut average, weights) = (dev.tensor([0.1f32, 0.0]), dev.tensor([0.1f32, 1.0]));
        for update in 0..1000 {
            Average::of(0.99).follow(&mut average, &weights, update).unwrap();
        }
        assert_eq!(average.array()[0], 0.1);
        // 1 - 0.99^1000
        assert!((average.array()[1] - 0.999_956_8).abs() < 1e-5, "{:?}", average.array());
    }

    #[test]
    fn a_warm_up_forgets_the_first_weights() {
        let average = Average { decay: 0.9, warmup: true };
        assert_eq!([0, 1, 80, 81, 1000].map(|n| average.at(n)), [0.1, 2.0 / 11.0, 0.9, 0.9, 0.9]);
        assert_eq!(Average::of(0.9).at(0), 0.9);
        for decay in [1.0, -0.1, f64::NAN] {
            assert!(Average::of(decay).check().unwrap_err().to_string().contains("average.decay"));
        }
    }
}
