//! The models of the goldens, declared. Many cases share one and differ in times only.

use dynvision::nn::{
    ConnectionNormal, ConvOptions, DepthPointwise, GroupNorm, HeNormal, InputAdaption, Integration, LayerKernel, Plain,
    RConv2dx2, Rests, SpatialBias, SupraLinearity, TrainedFrom, TruncatedNormal, Uniform, WeightNorm,
};
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

/// An area of CORnet-RT; its self connection is trained here, since the original's "fixed" one is.
type Rt<const I: usize, const O: usize, const K: usize, const S: usize> = RConv2dx2<
    I,
    O,
    O,
    K,
    3,
    S,
    1,
    SelfRecurrence<TrainedFrom<1000>>,
    ToMiddle,
    GroupNorm<32, O>,
    Plain,
    NoBias,
    Additive,
    Rests,
>;

/// CORnet-RT for small images.
#[dyn_model(input = [3, 32, 32], operations = [layer, norm, nonlin, record, delay])]
pub(crate) struct CorNetRt {
    #[area(norm = GroupNorm<32, 64>)]
    v1: Rt<3, 64, 7, 4>,
    #[area(norm = GroupNorm<32, 128>)]
    v2: Rt<64, 128, 3, 2>,
    #[area(norm = GroupNorm<32, 256>)]
    v4: Rt<128, 256, 3, 2>,
    #[area(norm = GroupNorm<32, 512>)]
    it: Rt<256, 512, 3, 2>,
    #[readout]
    classifier: Classifier<512, 5>,
}

/// Weights of CordsNet.
type Norm<I = HeNormal> = WeightNorm<NoBias<I>>;
/// An area of CordsNet.
type Cord<const I: usize, const O: usize, const S: usize = 1> =
    RConv2d<I, O, 3, S, Full<LayerKernel, Norm<Uniform>>, ToOutput, Norm>;
type CordLink = Norm<ConnectionNormal>;

/// CordsNet for small images.
#[dyn_model(input = [3, 32, 32], operations = [skip, layer, addbias, pool, nonlin, tstep, nonlin, record, delay])]
pub(crate) struct Cords {
    #[area(pool = AvgPool2d<3, 2, 1>, solver = none, nonlin = none)]
    layer0: RConv2d<3, 64, 7, 2, NoRecurrence, ToOutput, Norm>,
    #[area(apply(addbias = SpatialBias<64, 8, 8>))]
    layer1: Cord<64, 64>,
    #[area(skip(from = layer0, delay = 0.0, kernel = 3, options = CordLink), apply(addbias = SpatialBias<64, 8, 8>))]
    layer2: Cord<64, 64>,
    #[area(skip(from = layer1), apply(addbias = SpatialBias<128, 4, 4>))]
    layer3: Cord<64, 128, 2>,
    #[area(skip(from = layer2, stride = 2, options = CordLink), apply(addbias = SpatialBias<128, 4, 4>))]
    layer4: Cord<128, 128>,
    #[area(skip(from = layer3), apply(addbias = SpatialBias<256, 2, 2>))]
    layer5: Cord<128, 256, 2>,
    #[area(skip(from = layer4, stride = 2, options = CordLink), apply(addbias = SpatialBias<256, 2, 2>))]
    layer6: Cord<256, 256>,
    #[area(skip(from = layer5), apply(addbias = SpatialBias<512, 1, 1>))]
    layer7: Cord<256, 512, 2>,
    #[area(skip(from = layer6, stride = 2, options = CordLink), apply(addbias = SpatialBias<512, 1, 1>))]
    layer8: Cord<512, 512>,
    #[readout(skip(from = layer7, delay = 0.0))]
    classifier: Classifier<512, 5, WeightNorm<Plain<TruncatedNormal<4>>>>,
}
