//! A loss on what one of several readouts answers.

use super::{CrossEntropy, Labels, Loss, Output, Over, Reduction, Target};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::ops::reshaped;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::*;

/// What [`At`] compares logits with labels by: one of your own is one `impl`.
pub trait OfLogits<E: Element, D: VisionDevice<E>> {
    /// Its name in metrics.
    fn name(&self) -> String;

    /// Its name with its settings; the name alone unless said otherwise.
    fn describe(&self) -> String {
        self.name()
    }

    /// Whether the number is a mean over the labels that count, which it is unless said otherwise, or a sum.
    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    /// The number to be minimised.
    ///
    /// # Shapes
    /// Logits `(batch, time, classes)`, labels of the same batch and time.
    ///
    /// # Errors
    /// Labels that do not fit the logits; what the device refuses.
    fn of<T: Tape<E, D>>(
        &self,
        logits: &Tensor<(usize, usize, usize), E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>>;
}

impl<E: Element, D: VisionDevice<E>> OfLogits<E, D> for CrossEntropy {
    fn name(&self) -> String {
        "cross_entropy".into()
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn of<T: Tape<E, D>>(
        &self,
        logits: &Tensor<(usize, usize, usize), E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        self.reduced(logits, labels, graph)
    }
}

/// A loss on one of several readouts, by its name, with the labels that the target has for it (see
/// [`LabelsByReadout`](super::LabelsByReadout)). In metrics it is `cross_entropy_whereabouts`.
///
/// ```
/// use dynvision::loss::{At, CrossEntropy, Loss, Labels, LabelsByReadout, Weighted};
/// use dynvision::prelude::*;
/// #[dyn_model(input = [1, 8, 8], operations = [layer, nonlin, record, delay])]
/// struct TwoAnswers {
///     v1: RConv2d<1, 4>,
///     #[readout]
///     what: Classifier<4, 10>,
///     #[readout]
///     whereabouts: Classifier<4, 3>,
/// }
/// let dev = Cpu::default();
/// let net = dev.build_module::<TwoAnswers, f64>();
/// let frame = dev.sample_normal_like(&(2, Const, Const, Const));
/// let (logits, responses) = net.try_record(Stimulus::constant(frame, 4).traced(net.alloc_grads()))?;
/// let labels = LabelsByReadout::new(Labels::constant(&[7, 2], 4)).with("whereabouts", Labels::constant(&[0, 2], 4))?;
/// let loss = (CrossEntropy::default(), Weighted::new(0.5, At::new("whereabouts", CrossEntropy::default())));
/// let loss = loss.try_forward(&net, logits, Some(responses), &labels)?;
/// // near those of a guess among 10 and among 3
/// assert!((loss.array() - (10f64.ln() + 0.5 * 3f64.ln())).abs() < 1.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct At<L> {
    /// The readout.
    pub readout: String,
    /// The loss.
    pub loss: L,
}

impl<L> At<L> {
    /// `loss` of what the readout of that name answers.
    pub fn new(readout: impl Into<String>, loss: L) -> Self {
        At { readout: readout.into(), loss }
    }
}

impl<M, E, D, Y, L> Loss<M, E, D, Y> for At<L>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    Y: Target,
    L: OfLogits<E, D>,
{
    fn name(&self) -> String {
        format!("{}_{}", self.loss.name(), self.readout)
    }

    fn describe(&self) -> String {
        format!("{} at {}", self.loss.describe(), self.readout)
    }

    fn over(&self) -> Over {
        if self.loss.reduction() == Reduction::Sum {
            return Over::Sum;
        }
        let known = M::READOUTS.iter().find(|(name, _)| *name == self.readout);
        known.map_or(Over::Labels, |(name, _)| Over::LabelsAt(name))
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        check_readout::<M, E, D>(&self.readout)?;
        let labels = labels_at::<M, E, D, Y>(target, &self.readout).ok_or_else(|| {
            Error::Setting(format!(
                "the loss compares what `{0}` answers with labels, and the target has none for it; give them, as in \
                 `LabelsByReadout::new(labels).with(\"{0}\", others)`",
                self.readout
            ))
        })?;
        let mut found = Find { readout: &self.readout, graph, logits: None };
        M::visit_areas(output.responses()?, &mut found)?;
        let logits = found.logits.ok_or_else(|| Error::Setting(format!("`{}` has not answered", self.readout)))?;
        self.loss.of(&logits, labels, graph)
    }
}

/// The labels of the readout of that name; those of the first readout are the target's own.
pub(crate) fn labels_at<'a, M, E, D, Y>(target: &'a Y, readout: &str) -> Option<&'a Labels>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    Y: Target,
{
    let first = M::READOUTS.first().filter(|(name, _)| *name == readout);
    target.labels_at(readout).or_else(|| first.and_then(|_| target.labels()))
}

/// That the model has a readout of that name, and number of its classes.
pub(crate) fn check_readout<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(readout: &str) -> Result<usize> {
    if let Some((_, map)) = M::READOUTS.iter().find(|(name, _)| *name == readout) {
        return Ok(map.c);
    }
    let names: Vec<&str> = M::READOUTS.iter().map(|(name, _)| *name).collect();
    Err(Error::Setting(match names.is_empty() {
        true => format!("labels or a loss are for the readout `{readout}`, and the model has one readout only"),
        false => format!(
            "labels or a loss are for the readout `{readout}`, which the model does not have; its readouts are {}",
            names.join(", ")
        ),
    }))
}

/// Finds the logits of a readout among the responses.
struct Find<'a, E: Element, D: VisionDevice<E>, T> {
    readout: &'a str,
    graph: &'a mut Graph<E, D, T>,
    logits: Option<Tensor<(usize, usize, usize), E, D>>,
}

impl<E: Element, D: VisionDevice<E>, T: Tape<E, D>> VisitAreas<Stacked, E, D> for Find<'_, E, D, T> {
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<()> {
        if name == self.readout {
            let [batch, time, classes, ..] = response.values.shape().concrete();
            let values = self.graph.run(response.values.clone(), |x| x.try_contiguous())?;
            self.logits = Some(reshaped(values, &(batch, time, classes))?);
        }
        Ok(())
    }
}
