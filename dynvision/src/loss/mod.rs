//! What training minimises: a number made of logits, labels and the areas' responses.
//!
//! ```
//! use dynvision::loss::{Activity, CrossEntropy, Weighted};
//! // the original's: cross-entropy, and a little of the areas' activity
//! let loss = (CrossEntropy::default(), Weighted::new(0.0002, Activity::default()));
//! ```
//!
//! What a run is compared with is the loss's [`Target`]: labels in time, real-valued responses of the readout or of areas,
//! or both.

mod activity;
mod area;
mod at;
mod binary_cross_entropy;
mod by_readout;
mod cross_entropy;
mod labels;
mod pointwise;
mod responses;
mod smoothness;
mod squared_error;
mod sum;
mod target;

pub use crate::kernels::Measure;
pub use activity::Activity;
#[cfg(feature = "train")]
pub(crate) use at::check_readout;
pub use at::{At, OfLogits};
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use by_readout::LabelsByReadout;
pub use cross_entropy::{CrossEntropy, Reduction};
pub use labels::Labels;
pub use responses::{Place, Responses};
pub use smoothness::TemporalSmoothness;
pub use squared_error::SquaredError;
pub use sum::{Over, Term, Weighted, total};
pub use target::{HasLabels, HasResponses, Target};

use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::{DynModel, LogitsInTime};
use crate::unroll::Stacked;
use dfdx::prelude::*;

/// What a run gave. Its tensors carry no tape: gradients find them by their identity.
#[derive(Debug)]
pub struct Output<M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> {
    /// `(batch, time, classes)`.
    pub logits: LogitsInTime<M, B, E, D>,
    /// The responses of each area, if it was recorded.
    pub responses: Option<M::Areas<Stacked, B>>,
}

impl<M: DynModel<E, D>, B: Dim, E: Element, D: VisionDevice<E>> Output<M, B, E, D> {
    /// The responses of each area: with a model's own areas as fields, such as `.v1.values`.
    ///
    /// # Errors
    /// [`Error::Setting`] if the run was not recorded.
    pub fn responses(&self) -> Result<&M::Areas<Stacked, B>> {
        self.responses.as_ref().ok_or_else(|| {
            Error::Setting("the loss reads the areas' responses, and the run has none: run by `try_record`".into())
        })
    }
}

/// A loss on the runs of models `M`: implement it for all models, or for one whose areas it reads by their fields, such
/// as `output.responses()?.v1.values`. What it compares them with is a target `Y`, labels unless said otherwise.
///
/// Tensors travel without a tape, which is in the [`Graph`]: any operation of dfdx runs on it by [`Graph::run`].
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::autograd::Graph;
/// use dynvision::error::Result;
/// use dynvision::kernels::{Element, VisionDevice};
/// use dynvision::loss::{CrossEntropy, Labels, Loss, Output};
/// use dynvision::model::DynModel;
///
/// /// Cross-entropy, and the mean square of the logits, which keeps them small.
/// struct SmallLogits {
///     weight: f64,
/// }
///
/// impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>> Loss<M, E, D> for SmallLogits {
///     fn name(&self) -> String {
///         "small_logits".into()
///     }
///
///     fn needs_responses(&self) -> bool {
///         false
///     }
///
///     fn loss<B: Dim, T: Tape<E, D>>(
///         &self,
///         output: &Output<M, B, E, D>,
///         labels: &Labels,
///         graph: &mut Graph<E, D, T>,
///     ) -> Result<Tensor<Rank0, E, D>> {
///         let ce = CrossEntropy::default().loss(output, labels, graph)?;
///         let weight = E::from_f64(self.weight).unwrap_or_default();
///         let squares = graph.run(output.logits.clone(), |y| y.try_square()?.try_mean::<Rank0, _>()?.try_mul(weight))?;
///         graph.run(ce, |ce| ce.try_add(squares))
///     }
/// }
/// ```
pub trait Loss<M: DynModel<E, D>, E: Element, D: VisionDevice<E>, Y: Target = Labels> {
    /// Its name in metrics.
    fn name(&self) -> String;

    /// Its name with its settings, by which a checkpoint knows that a resumed training minimises the same. The name alone
    /// unless said otherwise.
    fn describe(&self) -> String {
        self.name()
    }

    /// Whether it reads the areas' responses, which costs a copy of them. True unless said otherwise.
    fn needs_responses(&self) -> bool {
        true
    }

    /// What its number is a mean over, by which batches are weighed: the labels that count unless said otherwise. A sum of
    /// losses is a sum if one of its terms is, else over the labels if one is, else over the responses if one is.
    fn over(&self) -> Over {
        Over::Labels
    }

    /// How many of these a target has that this loss compares with: all of them unless said otherwise.
    fn count(&self, target: &Y) -> f64 {
        self.over().count(target)
    }

    /// The number to be minimised.
    ///
    /// # Errors
    /// A target that does not fit the logits; responses that were not recorded; what the device refuses.
    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>>;

    /// The terms that the number is the weighted sum of; a loss that is no sum is its only term.
    ///
    /// # Errors
    /// As [`loss`](Loss::loss).
    fn terms<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Vec<Term<E, D>>> {
        let (over, count) = (self.over(), self.count(target));
        Ok(vec![Term { name: self.name(), weight: 1.0, over, count, value: self.loss(output, target, graph)? }])
    }

    /// The loss of what `model`'s [`try_record`](DynModel::try_record) or [`try_run`](DynModel::try_run) gave, with the
    /// tape of the logits, to go backward from.
    ///
    /// # Errors
    /// As [`loss`](Loss::loss).
    fn try_forward<B: Dim, T: Tape<E, D>>(
        &self,
        _model: &M,
        logits: LogitsInTime<M, B, E, D, T>,
        responses: Option<M::Areas<Stacked, B>>,
        target: &Y,
    ) -> Result<Tensor<Rank0, E, D, T>> {
        let (logits, tape) = logits.split_tape();
        let mut graph = Graph::new(tape);
        let loss = self.loss(&Output { logits, responses }, target, &mut graph)?;
        Ok(loss.put_tape(graph.tape))
    }
}

/// A number of the dtype.
fn number<E: Element>(value: f64) -> Result<E> {
    E::from_f64(value).ok_or_else(|| Error::Setting(format!("{value} is no number of the model's dtype")))
}

/// A loss that depends on nothing.
fn zero<E: Element, D: VisionDevice<E>>(device: &D) -> Result<Tensor<Rank0, E, D>> {
    device.try_zeros().map_err(Error::device)
}
