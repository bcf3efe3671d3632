//! The models that the original's guide to custom models builds.

use crate::nn::{Classifier, Full, Local, MaxPool2d, RConv2d, Recurrence};

/// The ventral stream with feedback, skips and a readout, as the guide builds it up: 32, 64, 128 and 256 channels.
#[crate::dyn_model(
    input = [3, 32, 32],
    operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
)]
pub struct HierarchicalRCNN<R: Recurrence = Full> {
    #[area(pool = MaxPool2d<2>, feedback(from = v4))]
    v1: RConv2d<3, 32, 3, 1, R>,
    #[area(pool = MaxPool2d<2>, feedback(from = it))]
    v2: RConv2d<32, 64, 3, 1, R>,
    #[area(skip(from = v1))]
    v4: RConv2d<64, 128, 3, 1, R>,
    #[area(skip(from = v2))]
    it: RConv2d<128, 256, 3, 2, R>,
    #[readout]
    classifier: Classifier<256, 10>,
}

/// Three areas with local recurrence, skips V1 -> V2 and V2 -> IT, feedback V2 -> V1 and IT -> V2, and the supralinearity
/// 1.2: the guide's last model. 48, 96 and 192 channels are no squares, so the cortical plane of the local recurrence is
/// extended by mirroring.
#[crate::dyn_model(
    input = [3, 32, 32],
    operations = [layer, skip, feedback, tstep, nonlin, supralin, record, delay, pool],
)]
pub struct DyRCNNx3<R: Recurrence = Local> {
    #[area(pool = MaxPool2d<2>, supralin = crate::nn::SupraLinearity<1200>, feedback(from = v2))]
    v1: RConv2d<3, 48, 5, 1, R>,
    #[area(pool = MaxPool2d<2>, supralin = crate::nn::SupraLinearity<1200>, skip(from = v1), feedback(from = it))]
    v2: RConv2d<48, 96, 3, 1, R>,
    #[area(supralin = crate::nn::SupraLinearity<1200>, skip(from = v2))]
    it: RConv2d<96, 192, 3, 1, R>,
    #[readout]
    classifier: Classifier<192, 10>,
}
