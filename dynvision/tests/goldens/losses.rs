//! Losses of recorded logits.

use crate::device::{Dev, device};
use crate::golden::{Golden, hash_uniform};
use crate::report::Report;
use dfdx::prelude::*;
use dynvision::autograd::Graph;
use dynvision::loss::{CrossEntropy, Labels};

type Logits = Tensor<(usize, usize, Const<5>), f32, Dev>;

/// The original's losses know no time axis: its rows are the steps of one image here.
fn logits_and_labels(golden: &Golden, ignored: i64) -> (Logits, Labels) {
    let (outputs, labels) = (golden.values("outputs"), golden.integers("labels"));
    let logits = device().tensor_from_vec(outputs, (1, labels.len(), Const));
    (logits, Labels::from_numbers(1, labels.len(), &labels, ignored).unwrap())
}

/// One number, and its gradient.
pub(crate) fn cross_entropy(golden: &Golden, loss: &CrossEntropy, ignored: i64) -> Report {
    let (logits, labels) = logits_and_labels(golden, ignored);
    let y = loss.of_logits(logits.leaky_trace(), &labels).unwrap();
    let mut report = Report::default();
    report.forward("loss", &y.as_vec(), &golden.values("loss"));
    if golden.get("grad_outputs").is_some() {
        report.gradient("outputs", &y.backward().get(&logits).as_vec(), &golden.values("grad_outputs"));
    }
    report
}

/// The term of each step, and the gradient of their sum weighted by numbers of seed 3.
pub(crate) fn terms(golden: &Golden) -> Report {
    let (logits, labels) = logits_and_labels(golden, -1);
    let mut cx = Graph::new(logits.leaky_trace().split_tape().1);
    let terms = CrossEntropy::default().terms_in_time(&logits, &labels, &mut cx).unwrap();
    let mut report = Report::default();
    report.forward("terms", &terms.as_vec(), &golden.values("loss"));
    let weights = device().tensor_from_vec(hash_uniform(terms.as_vec().len(), 3, 1.0, 0.0), *terms.shape());
    let gradients = (terms.put_tape(cx.tape) * weights).sum::<Rank0, _>().backward();
    report.gradient("outputs", &gradients.get(&logits).as_vec(), &golden.values("grad_outputs"));
    report
}
