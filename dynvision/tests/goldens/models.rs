//! The models of the goldens, declared. Many cases share one and differ in times only.

use dynvision::nn::{
    ConnectionNormal, ConvOptions, DefaultOptions, GroupNorm, InputAdaption, Integration, RConv2dx2, SpatialBias,
    SupraLinearity, TrainedFrom,
};
use dynvision::prelude::*;

/// Two areas, the second after a pooling.
#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, record, delay, pool])]
pub(crate) struct Tiny<R: Recurrence = Full, C: ConvOptions = DefaultOptions, G: Integration = Additive> {
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

/// The bias of an area is its signal while it has none.
#[dyn_model(input = [3, 10, 12], operations = [layer, addbias, tstep, nonlin, record, delay, pool])]
pub(crate) struct Biased {
    #[area(pool = MaxPool2d<3, 2, 1>, apply(addbias = SpatialBias<4, 10, 12>))]
    l1: RConv2d<3, 4>,
    #[area(apply(addbias = SpatialBias<6, 5, 6>))]
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, norm, record, delay, pool])]
pub(crate) struct Normed {
    #[area(pool = MaxPool2d<3, 2, 1>, norm = GroupNorm<2, 4>)]
    l1: RConv2d<3, 4>,
    #[area(norm = GroupNorm<3, 6>)]
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(input = [3, 10, 12], operations = [layer, tstep, nonlin, supralin, record, delay, pool])]
pub(crate) struct Supralinear {
    #[area(pool = MaxPool2d<3, 2, 1>, supralin = SupraLinearity<1200>)]
    l1: RConv2d<3, 4>,
    #[area(supralin = SupraLinearity<1200>)]
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

#[dyn_model(
    input = [3, 10, 12],
    operations = [layer, tstep, nonlin, record, delay, pool],
    adaption = InputAdaption<TrainedFrom<700>>,
)]
pub(crate) struct Adapting {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    l2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 5>,
}

/// The skip's convolution makes its map as small as the target's.
#[dyn_model(input = [3, 10, 12], operations = [layer, skip, tstep, nonlin, record, delay, pool])]
pub(crate) struct SkipStrided {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    l1: RConv2d<3, 4>,
    #[area(skip(from = l1, stride = 2, options = NoBias<ConnectionNormal>))]
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
dynvision::resnet18! { pub(crate) struct ResNet18; input = [3, 32, 32], classes = 5 }
