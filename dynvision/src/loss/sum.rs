//! Weighted sums of losses.

use super::{Loss, Output, Target, number, zero};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use dfdx::prelude::*;

/// A loss times a weight. A tuple of up to four losses is their sum.
///
/// ```
/// use dynvision::loss::{Activity, CrossEntropy, TemporalSmoothness, Weighted};
/// let loss = (
///     CrossEntropy::default(),
///     Weighted::new(0.0002, Activity::default()),
///     Weighted::new(0.1, TemporalSmoothness::default()),
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighted<L> {
    /// What the loss is multiplied by, from 0 on; at 0 the loss is not computed.
    pub weight: f64,
    /// The loss.
    pub loss: L,
}

impl<L> Weighted<L> {
    /// `weight` times `loss`.
    pub const fn new(weight: f64, loss: L) -> Self {
        Weighted { weight, loss }
    }
}

/// One term of a loss.
#[derive(Clone, Debug)]
pub struct Term<E: Element, D: VisionDevice<E>> {
    /// The name of the loss that it is of.
    pub name: String,
    /// What it is multiplied by in the sum.
    pub weight: f64,
    /// What its value is a mean over.
    pub over: Over,
    /// How many the batch has of it.
    pub count: f64,
    /// The loss without the weight.
    pub value: Tensor<Rank0, E, D>,
}

/// What a loss is a mean over: by it, the parts of a whole (batches of an evaluation, batches of one update) are weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// The labels that count. A batch of which none counts says nothing.
    #[default]
    Labels,
    /// The labels of a readout that count, of a model with several.
    LabelsAt(&'static str),
    /// The real-valued responses, each by its weight.
    Responses,
    /// All images at all steps, whether their labels count or not.
    Presentations,
    /// Nothing: it is a sum, and the sums of parts add up.
    Sum,
}

impl Over {
    /// How many a batch has.
    ///
    /// ```
    /// use dynvision::loss::{Labels, Over};
    /// let labels = Labels::counted(&[7, 2], &[false, true, true]);
    /// assert_eq!((Over::Labels.count(&labels), Over::Presentations.count(&labels)), (4.0, 6.0));
    /// ```
    pub fn count<Y: Target>(self, target: &Y) -> f64 {
        match self {
            Over::Labels => target.labels().map_or(0.0, |labels| labels.valid() as f64),
            Over::LabelsAt(readout) => {
                let labels = target.labels_at(readout).or_else(|| target.labels());
                labels.map_or(0.0, |labels| labels.valid() as f64)
            }
            Over::Responses => target.responses().map_or(0.0, super::Responses::count),
            Over::Presentations => target.batch() as f64 * target.steps() as f64,
            Over::Sum => 1.0,
        }
    }
}

/// The weighted sum of terms; a constant 0 of none.
///
/// # Errors
/// What the device refuses.
pub fn total<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
    terms: &[Term<E, D>],
    device: &D,
    graph: &mut Graph<E, D, T>,
) -> Result<Tensor<Rank0, E, D>> {
    let mut sum = None;
    for term in terms {
        let value = if term.weight == 1.0 {
            term.value.clone()
        } else {
            let weight = number::<E>(term.weight)?;
            graph.run(term.value.clone(), |value| value.try_mul(weight))?
        };
        sum = Some(match sum {
            None => value,
            Some(sum) => graph.run(sum, |sum: Tensor<Rank0, E, D, T>| sum.try_add(value))?,
        });
    }
    sum.map_or_else(|| zero(device), Ok)
}

impl<M, E, D, Y, L> Loss<M, E, D, Y> for Weighted<L>
where
    M: DynModel<E, D>,
    E: Element,
    D: VisionDevice<E>,
    Y: Target,
    L: Loss<M, E, D, Y>,
{
    fn name(&self) -> String {
        self.loss.name()
    }

    fn describe(&self) -> String {
        format!("{} * {}", self.weight, self.loss.describe())
    }

    fn needs_responses(&self) -> bool {
        self.weight > 0.0 && self.loss.needs_responses()
    }

    fn over(&self) -> Over {
        self.loss.over()
    }

    fn count(&self, target: &Y) -> f64 {
        self.loss.count(target)
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        let terms = self.terms(output, target, graph)?;
        total(&terms, output.logits.device(), graph)
    }

    fn terms<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Vec<Term<E, D>>> {
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            let name = self.loss.name();
            return Err(Error::Setting(format!("the weight {} of loss `{name}` must be from 0 on", self.weight)));
        }
        if self.weight == 0.0 {
            return Ok(Vec::new());
        }
        let mut terms = self.loss.terms(output, target, graph)?;
        terms.iter_mut().for_each(|term| term.weight *= self.weight);
        Ok(terms)
    }
}

macro_rules! sum {
    ($($L:ident $i:tt),+) => {
        impl<M, E, D, Y, $($L),+> Loss<M, E, D, Y> for ($($L,)+)
        where
            M: DynModel<E, D>,
            E: Element,
            D: VisionDevice<E>,
            Y: Target,
            $($L: Loss<M, E, D, Y>),+
        {
            fn name(&self) -> String {
                [$(self.$i.name()),+].join("+")
            }

            fn describe(&self) -> String {
                [$(self.$i.describe()),+].join(" + ")
            }

            fn needs_responses(&self) -> bool {
                $(self.$i.needs_responses())||+
            }

            fn over(&self) -> Over {
                let terms = [$(self.$i.over()),+];
                let either = [Over::Sum, Over::Labels, Over::Responses].into_iter().find(|over| terms.contains(over));
                let of_readout = || terms.into_iter().find(|over| matches!(over, Over::LabelsAt(_)));
                either.or_else(of_readout).unwrap_or(Over::Presentations)
            }

            fn count(&self, target: &Y) -> f64 {
                let (over, mut count) = (Loss::<M, E, D, Y>::over(self), None);
                // of the first term that is over the same
                $(count = count.or_else(|| (self.$i.over() == over).then(|| self.$i.count(target)));)+
                count.unwrap_or_else(|| over.count(target))
            }

            fn loss<Batch: Dim, T: Tape<E, D>>(
                &self,
                output: &Output<M, Batch, E, D>,
                target: &Y,
                graph: &mut Graph<E, D, T>,
            ) -> Result<Tensor<Rank0, E, D>> {
                let terms = self.terms(output, target, graph)?;
                total(&terms, output.logits.device(), graph)
            }

            fn terms<Batch: Dim, T: Tape<E, D>>(
                &self,
                output: &Output<M, Batch, E, D>,
                target: &Y,
                graph: &mut Graph<E, D, T>,
            ) -> Result<Vec<Term<E, D>>> {
                let mut terms = Vec::new();
                $(terms.extend(self.$i.terms(output, target, graph)?);)+
                Ok(terms)
            }
        }
    };
}
sum!(L0 0, L1 1);
sum!(L0 0, L1 1, L2 2);
sum!(L0 0, L1 1, L2 2, L3 3);
