//! Cross-entropy over time.

use super::{HasLabels, Labels, Loss, Output, Over, number, zero};
use crate::autograd::Graph;
use crate::error::{Error, Result};
use crate::kernels::{Element, LossKernel, RowTarget, VisionDevice};
use crate::model::DynModel;
use crate::ops::{reshaped, whole};
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// Cross-entropy of the labels that count, `-ln softmax(logits)[label]`.
///
/// The mean is the sum over the labels that count by their number, and a constant 0 if there are none. Class weights
/// multiply the terms and leave that number as it is (PyTorch divides by the weights instead; the original does as here).
///
/// # Shapes
/// Logits `(batch, time, classes)`, labels of the same batch and time.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::loss::{CrossEntropy, Labels};
/// let dev = Cpu::default();
/// let logits: Tensor<(usize, usize, Const<4>), f32, _> = dev.zeros_like(&(2, 3, Const));
/// let labels = Labels::constant(&[0, 3], 3);
/// let loss = CrossEntropy::default().of_logits(logits.leaky_trace(), &labels)?;
/// assert!((loss.array() - 4f32.ln()).abs() < 1e-6);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossEntropy {
    /// One weight for each class; all 1 if none are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// How the terms become one number.
    pub reduction: Reduction,
}

/// How terms become one number. For none, see [`CrossEntropy::terms_in_time`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum by the number of labels that count.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl CrossEntropy {
    /// The term of each image at each step, 0 where the label does not count.
    ///
    /// # Shapes
    /// `(batch, time, classes)` to `(batch, time)`.
    ///
    /// # Errors
    /// Labels of other sizes or out of range, weights that are not one finite number from 0 on for each class; what the
    /// device refuses.
    pub fn terms_in_time<S, E, D, T>(
        &self,
        logits: &Tensor<S, E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D>>
    where
        S: Shape<Concrete = [usize; 3]>,
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let [batch, time, _] = logits.shape().concrete();
        reshaped(self.rows(logits, labels, graph)?, &(batch, time))
    }

    /// The loss of logits that carry a tape.
    ///
    /// # Errors
    /// As [`terms_in_time`](CrossEntropy::terms_in_time).
    pub fn of_logits<S, E, D, T>(&self, logits: Tensor<S, E, D, T>, labels: &Labels) -> Result<Tensor<Rank0, E, D, T>>
    where
        S: Shape<Concrete = [usize; 3]>,
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let (logits, tape) = logits.split_tape();
        let mut graph = Graph::new(tape);
        let loss = self.reduced(&logits, labels, &mut graph)?;
        Ok(loss.put_tape(graph.tape))
    }

    pub(super) fn reduced<S, E, D, T>(
        &self,
        logits: &Tensor<S, E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>>
    where
        S: Shape<Concrete = [usize; 3]>,
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let rows = self.rows(logits, labels, graph)?;
        let factor = match (self.reduction, labels.valid()) {
            (_, 0) => return zero(logits.device()),
            (Reduction::Sum, _) => E::one(),
            (Reduction::Mean, valid) => E::one() / number(valid as f64)?,
        };
        let device = rows.device().clone();
        graph.run(rows, |rows| LossKernel::total(&device, rows, factor))
    }

    fn rows<S, E, D, T>(
        &self,
        logits: &Tensor<S, E, D>,
        labels: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<(usize,), E, D>>
    where
        S: Shape<Concrete = [usize; 3]>,
        E: Element,
        D: VisionDevice<E>,
        T: Tape<E, D>,
    {
        let sizes @ [batch, time, classes] = logits.shape().concrete();
        labels.check(sizes)?;
        let weights = self.weights(classes)?;
        let targets: Vec<RowTarget<E>> =
            labels.as_slice().iter().map(|class| class.map(|class| (class, weights[class]))).collect();
        let logits = whole(logits, graph)?;
        let logits = reshaped(logits, &(batch * time, classes))?;
        let device = logits.device().clone();
        graph.run(logits, |x| LossKernel::cross_entropy(&device, x, targets))
    }

    fn weights<E: Element>(&self, classes: usize) -> Result<Vec<E>> {
        let Some(weights) = &self.class_weights else { return Ok(vec![E::one(); classes]) };
        if weights.len() != classes || weights.iter().any(|&weight| !(weight.is_finite() && weight >= 0.0)) {
            return Err(Error::Setting(format!(
                "class weights {weights:?}: give one finite number from 0 on for each of the {classes} classes"
            )));
        }
        weights.iter().map(|&weight| number(weight)).collect()
    }
}

impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>, Y: HasLabels> Loss<M, E, D, Y> for CrossEntropy {
    fn name(&self) -> String {
        "cross_entropy".into()
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }

    fn needs_responses(&self) -> bool {
        false
    }

    fn over(&self) -> Over {
        match self.reduction {
            Reduction::Mean => Over::Labels,
            Reduction::Sum => Over::Sum,
        }
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        target: &Y,
        graph: &mut Graph<E, D, T>,
    ) -> Result<Tensor<Rank0, E, D>> {
        self.reduced(&output.logits, target.class_labels(), graph)
    }
}
