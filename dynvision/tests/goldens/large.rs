//! Cases of large models, which take long to compile.

use crate::cases::Case::{self, Compare};
use crate::models::{X2, X4};
use crate::unroll::model;
use dynvision::nn::{
    ConnectionNormal, DepthPointwise, GroupNorm, HeNormal, LayerKernel, Local, Plain, PointDepthwise, RConv2dx2, Rests,
    SpatialBias, SupraLinearity, TrainedFrom, TruncatedNormal, Uniform, WeightNorm,
};
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
        "cornet_rt" => Compare(model::<CorNetRt>),
        "cordsnet" => Compare(model::<Cords>),
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
