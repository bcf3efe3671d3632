//! Cases of large models, which take long to compile.

use crate::cases::Case::{self, Compare};
use crate::models::{X2, X4};
use crate::unroll::{answers, model};
use dynvision::nn::{DepthPointwise, Identity, Local, PointDepthwise, RConv2dx2, SupraLinearity, TrainedFrom};
use dynvision::prelude::*;

/// What becomes of the case of this name.
pub(crate) fn case(name: &str) -> Option<Case> {
    Some(match name {
        "x2_depthpointwise" => Compare(model::<X2<DepthPointwise>>),
        "x2_pointdepthwise" => Compare(model::<X2<PointDepthwise>>),
        "x2_local" => Compare(model::<X2<Local>>),
        "x4_self" => Compare(model::<X4<SelfRecurrence>>),
        "x4_depthpointwise" => Compare(model::<X4<DepthPointwise>>),
        "x4_pointdepthwise" => Compare(model::<X4<PointDepthwise>>),
        "x4_tff2" => Compare(model::<X4Delayed>),
        "x4_target_input" => Compare(model::<X4ToInput>),
        "x4_feedback_add" => Compare(model::<X4Feedback>),
        "x8_full" => Compare(model::<X8<Full>>),
        "x8_self" => Compare(model::<X8<SelfRecurrence>>),
        "x8_depthpointwise" => Compare(model::<X8ToMiddle>),
        // the original trains its fixed weight
        "cornet_rt" => Compare(model::<CorNetRt<SelfRecurrence<TrainedFrom<1000>>>>),
        "cordsnet" => Compare(model::<Cords>),
        "alexnet_patched" => Compare(answers::<AlexNetLinear>),
        _ => return None,
    })
}

dynvision::dyrcnn_x8! { pub(crate) struct X8; input = [3, 32, 32], classes = 10, links = [skip] }

/// DyRCNNx4 with delays and trained time constants, without skips.
#[dyn_model(input = [3, 16, 16], operations = [layer, tstep, nonlin, record, delay, pool], solver = Euler<TrainedTau>)]
pub(crate) struct X4Delayed {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<3, 36>,
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v2: RConv2d<36, 64>,
    v4: RConv2d<64, 121>,
    it: RConv2d<121, 256, 3, 2>,
    #[readout]
    classifier: Classifier<256, 10>,
}

/// DyRCNNx4 with recurrences into the inputs.
#[dyn_model(input = [3, 16, 16], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
pub(crate) struct X4ToInput {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<3, 36, 3, 1, Full, ToInput>,
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v2: RConv2d<36, 64, 3, 1, Full, ToInput>,
    #[area(skip(from = v1))]
    v4: RConv2d<64, 121, 3, 1, Full, ToInput>,
    #[area(skip(from = v2))]
    it: RConv2d<121, 256, 3, 2, Full, ToInput>,
    #[readout]
    classifier: Classifier<256, 10>,
}

/// DyRCNNx8 with recurrences between the convolutions.
#[dyn_model(input = [3, 32, 32], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
pub(crate) struct X8ToMiddle {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2dx2<3, 64, 64, 5, 5, 2, 1, DepthPointwise, ToMiddle>,
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v2: RConv2dx2<64, 144, 144, 3, 3, 2, 1, DepthPointwise, ToMiddle>,
    #[area(skip(from = v1))]
    v4: RConv2dx2<144, 256, 256, 3, 3, 2, 1, DepthPointwise, ToMiddle>,
    #[area(skip(from = v2))]
    it: RConv2dx2<256, 529, 529, 3, 3, 2, 1, DepthPointwise, ToMiddle>,
    #[readout]
    classifier: Classifier<529, 10>,
}

/// DyRCNNx4 with all its links and a power law.
#[dyn_model(
    input = [3, 16, 16],
    operations = [layer, skip, feedback, tstep, nonlin, supralin, record, delay, pool],
)]
pub(crate) struct X4Feedback {
    #[area(pool = MaxPool2d<3, 2, 1>, supralin = SupraLinearity<1200>, feedback(from = v4))]
    v1: RConv2d<3, 36>,
    #[area(pool = MaxPool2d<3, 2, 1>, supralin = SupraLinearity<1200>, feedback(from = it))]
    v2: RConv2d<36, 64>,
    #[area(supralin = SupraLinearity<1200>, skip(from = v1))]
    v4: RConv2d<64, 121>,
    #[area(supralin = SupraLinearity<1200>, skip(from = v2))]
    it: RConv2d<121, 256, 3, 2>,
    #[readout]
    classifier: Classifier<256, 10>,
}

dynvision::cornet_rt! { pub(crate) struct CorNetRt; input = [3, 32, 32], classes = 5 }
dynvision::cords_net! { pub(crate) struct Cords; input = [3, 32, 32], classes = 5 }

dynvision::alex_net! {
    /// As the original's, which has no rectification between its convolutions.
    pub(crate) struct AlexNetLinear; input = [3, 64, 64], classes = 5, nonlin = Identity
}
