//! What the examples share: the network that `train_digits` trains and `record_responses` probes.

use dynvision::prelude::*;

/// Two areas that look at handwritten digits: V1 and V2 with full recurrence, a skip past V2's layer and feedback from V2.
#[dyn_model(
    input = [1, 8, 8],
    operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
    dynamics(dt = 2.0, tau = 5.0, t_recurrence = 4.0, t_feedback = 6.0),
)]
pub struct Digits<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<1, 32, 3, 1, R>,
    #[area(skip(from = v1))]
    v2: RConv2d<32, 64, 3, 1, R>,
    #[readout]
    classifier: Classifier<64, 10>,
}
