//! The models of the goldens, declared. Many cases share one and differ in times only.

use dynvision::nn::{ConvOptions, DepthPointwise, Integration, Plain, RConv2dx2};
use dynvision::prelude::*;

/// Two areas, the second after a pooling.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool])]
pub(crate) struct Tiny<R: Recurrence = Full, C: ConvOptions = Plain, G: Integration = Additive> {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4, 3, 1, R, ToOutput, C, G>,
    l2: RConv2d<4, 6, 3, 1, R, ToOutput, C, G>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool], solver = Euler<TrainedTau>)]
pub(crate) struct TrainedTimes {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, nonlin, record, delay, pool])]
pub(crate) struct NoSolver {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// Square numbers of channels.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool])]
pub(crate) struct Square<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4, 3, 1, R>,
    l2: RConv2d<4, 9, 3, 1, R>,
    #[readout]
    classifier: Classifier<9, 5>,
}

/// Two convolutions in each area, the recurrence between them.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay])]
pub(crate) struct TwoStages {
    l1: RConv2dx2<3, 5, 4, 3, 3, 2, 1, Full, ToMiddle>,
    l2: RConv2dx2<4, 7, 6, 3, 3, 1, 1, Full, ToMiddle>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay])]
pub(crate) struct TwoStagesSelf {
    l1: RConv2dx2<3, 4, 4, 3, 3, 2, 1, SelfRecurrence, ToMiddle>,
    l2: RConv2dx2<4, 6, 6, 3, 3, 1, 1, SelfRecurrence, ToMiddle>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay])]
pub(crate) struct TwoStagesOutput {
    l1: RConv2dx2<3, 5, 4, 5, 3, 2, 1>,
    l2: RConv2dx2<4, 7, 6, 3, 3, 1, 1>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// What a loss sees is the drive, before the solver.
#[dyn_model(input = [3, 10, 12], operations = [layer, record, tstep, nonlin, delay, pool])]
pub(crate) struct Driven {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// What a loss sees is the solver's answer, before it is rectified.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, record, nonlin, delay, pool])]
pub(crate) struct Solved {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// The recurrence reaches a layer's input, which is larger than its output.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool])]
pub(crate) struct ToInputs<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4, 3, 1, R, ToInput>,
    l2: RConv2d<4, 6, 3, 2, R, ToInput>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool])]
pub(crate) struct SelfToInputs {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 3, 3, 1, SelfRecurrence, ToInput>,
    l2: RConv2d<3, 3, 3, 2, SelfRecurrence, ToInput>,
    #[readout]
    classifier: Classifier<3, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, skip, tstep, nonlin, record, delay])]
pub(crate) struct SkipSame {
    l1: RConv2d<3, 4>,
    #[area(skip(from = l1))]
    l2: RConv2d<4, 4>,
    #[readout]
    classifier: Classifier<4, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, skip, tstep, nonlin, record, delay])]
pub(crate) struct SkipChannels {
    l1: RConv2d<3, 4>,
    #[area(skip(from = l1))]
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// A skip over two poolings.
#[dyn_model(input = [3, 10, 12], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
pub(crate) struct SkipFar {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l2: RConv2d<4, 5>,
    #[area(skip(from = l1))]
    l3: RConv2d<5, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
pub(crate) struct SkipDown {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    #[area(skip(from = l1))]
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, feedback, tstep, nonlin, record, delay, pool])]
pub(crate) struct Feedback {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = l2))]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, feedback, tstep, nonlin, record, delay, pool])]
pub(crate) struct FeedbackGain {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = l2, integration = Multiplicative))]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

// models of the zoo, for small images

dynvision::dyrcnn_x2! { pub(crate) struct X2; input = [3, 12, 12], classes = 5, links = [skip] }
dynvision::dyrcnn_x2! { pub(crate) struct X2Grey; input = [1, 12, 12], classes = 5, links = [] }
dynvision::dyrcnn_x4! { pub(crate) struct X4; input = [3, 16, 16], classes = 10, links = [skip] }
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
