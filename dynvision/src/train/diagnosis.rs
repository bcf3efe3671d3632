//! What was the first to be infinite or no number.

use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::model::{DynModel, FrameShape};
use crate::parameters::each;
use crate::unroll::Stimulus;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::{HasShape, Shape, Tensor};

/// What keeps numbers finite that a training has made.
pub(super) const SMALLER: &str =
    "a smaller learning rate, clipping (`clip`), or inputs of a smaller scale keep it finite";

/// The first thing in a run that is not finite: a frame, a parameter, what an area answered, the logits; `None` if all are.
///
/// Takes another run, so it is for a run that has failed.
pub(super) fn first_not_finite<M: DynModel<E, D>, E: Element, D: VisionDevice<E>>(
    net: &M,
    stimulus: Stimulus<FrameShape<M, usize, E, D>, E, D>,
) -> Result<Option<(String, &'static str)>> {
    // what is given comes before what was computed of it
    let steps = 0..stimulus.steps();
    if let Some(step) = steps.clone().find(|&step| stimulus.frame(step).is_some_and(|frame| !is_finite(frame))) {
        let mend = "the data holds it, and no setting of the training helps: mend or leave out the image or film";
        return Ok(Some((format!("the frame at step {step}"), mend)));
    }
    let mut first = None;
    each(net, |name, _, tensor| {
        if first.is_none() && !all_finite(&tensor.values()) {
            first = Some(name.to_string());
        }
    });
    if let Some(name) = first {
        return Ok(Some((format!("parameter `{name}`"), SMALLER)));
    }
    let (logits, responses) = net.try_record(stimulus)?;
    match M::visit_areas(&responses, &mut Areas) {
        Err(Error::NotFinite { area, step, .. }) => {
            return Ok(Some((format!("the answer of area `{area}` at step {step}"), SMALLER)));
        }
        other => other?,
    }
    Ok((!is_finite(&logits)).then(|| ("a logit".to_string(), SMALLER)))
}

fn is_finite<S: Shape, E: Element, D: VisionDevice<E>>(tensor: &Tensor<S, E, D>) -> bool {
    all_finite(&tensor.as_vec())
}

fn all_finite<E: Element>(values: &[E]) -> bool {
    values.iter().all(|value| value.is_finite())
}

struct Areas;
impl<E: Element, D: VisionDevice<E>> VisitAreas<Stacked, E, D> for Areas {
    fn area<S: Timed>(&mut self, area: &'static str, response: &Response<S, E, D>) -> Result<()> {
        let [_, time, c, h, w] = response.values.shape().concrete();
        let values = response.values.as_vec();
        let steps =
            values.iter().enumerate().filter(|(_, value)| !value.is_finite()).map(|(i, _)| i / (c * h * w) % time);
        match steps.min() {
            Some(step) => Err(Error::NotFinite { what: "the answer", area, step }),
            None => Ok(()),
        }
    }
}
