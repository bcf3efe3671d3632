//! The models of the goldens: members of the zoo's families, and single parts, at the goldens' sizes.

use dynvision::nn::{
    Arctangent, ConvTranspose2d, Dann, DivisiveConv, HGru, HardGates, HeegerMackey, Identity, Leaky, LifNode,
    LocalResponseNorm, LocalResponseNormWith, PaperForm, PeepholeGates, PublishedForm, PublishedFormBatchNorm,
    ResponseNorm, SoftReset,
};
use dynvision::prelude::*;
use dynvision::{
    blt, conv_gru, conv_lstm, cornet_r, cornet_rt, cornet_s, cornet_z, dann_net, ei_net, organics_net, pred_net,
    rcnn_sat, spiking_net,
};

cornet_z! {
    pub(crate) struct CorNetZ; input = [3, 48, 40], channels = [4, 6, 8, 10], classes = 5
}
cornet_s! {
    pub(crate) struct CorNetS; input = [3, 48, 40], channels = [4, 6, 8, 10], wide = [24, 32, 40], classes = 5
}
cornet_r! {
    pub(crate) struct CorNetR; input = [3, 64, 64], channels = [32, 32, 32, 64], classes = 5
}
cornet_rt! {
    pub(crate) struct CorNetRT; input = [3, 64, 64], channels = [32, 32, 32, 64], classes = 5
}

blt! {
    pub(crate) struct Blt; input = [1, 12, 10], features = [6, 7], norm = LocalResponseNorm,
    top_down = ConvTranspose2d<7, 6>, classes = 5
}
/// A normalisation that shows.
#[derive(Clone, Debug)]
pub(crate) struct Strong;
impl ResponseNorm for Strong {
    const RADIUS: usize = 2;
    const C: f64 = 1.0;
    const ALPHA: f64 = 0.3;
    const BETA: f64 = 0.5;
}
blt! {
    pub(crate) struct BltStrong; input = [1, 12, 10], features = [6, 7], norm = LocalResponseNormWith<Strong>,
    top_down = ConvTranspose2d<7, 6, 3, 2, 1>, classes = 5
}
rcnn_sat! {
    pub(crate) struct RcnnSat;
    input = [3, 64, 64],
    filters = [4, 5, 6, 6, 7, 8, 9],
    steps = 3,
    classes = 5,
    readout = each
}
rcnn_sat! {
    pub(crate) struct RcnnSatSum;
    input = [3, 64, 64],
    filters = [3, 4, 4, 5, 5, 6, 7],
    steps = 3,
    classes = 5,
    readout = sum
}

conv_lstm! {
    pub(crate) struct Lstm; input = [3, 8, 9], hidden = [4, 5], kernels = [3, 5], classes = 2
}
conv_gru! {
    pub(crate) struct Gru; input = [3, 8, 9], hidden = [4, 5], kernels = [3, 5], classes = 2
}

pred_net! {
    pub(crate) struct PredNet; input = [2, 8, 12], channels = [4, 5], representation = [3, 4, 6], gates = HardGates,
    nonlin = Relu, most = 1
}
pred_net! {
    pub(crate) struct PredNetPort; input = [2, 8, 12], channels = [4, 5], representation = [3, 4, 6],
    gates = PeepholeGates, nonlin = Identity, most = 255
}

/// The unit alone, whose input is the film.
#[dyn_model(
    input = [4, 9, 8], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct HGruPaper {
    h: HGru<4, 5, 8, PaperForm>,
    #[readout]
    classifier: Classifier<4, 2>,
}
#[dyn_model(
    input = [4, 9, 8], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct HGruPublished {
    h: HGru<4, 5, 5, PublishedForm>,
    #[readout]
    classifier: Classifier<4, 2>,
}
#[dyn_model(
    input = [4, 9, 8], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct HGruBatchNorm {
    h: HGru<4, 5, 0, PublishedFormBatchNorm>,
    #[readout]
    classifier: Classifier<4, 2>,
}

spiking_net! {
    pub(crate) struct Snn;
    input = [2, 7, 8],
    channels = [4, 3],
    last = 4,
    classes = 5,
    units = Leaky,
    tau = 5.0
}
spiking_net! {
    pub(crate) struct Lif;
    input = [2, 7, 8],
    channels = [4, 3],
    last = 4,
    classes = 5,
    units = LifNode,
    tau = 2.0
}
spiking_net! {
    pub(crate) struct LifSoft; input = [2, 7, 8], channels = [4, 3], last = 4, classes = 5,
    units = LifNode<SoftReset, Arctangent>, tau = 2.0
}

organics_net! {
    pub(crate) struct Circuit; inputs = 5, units = 6, classes = 2
}
#[dyn_model(
    input = [4, 1, 1], operations = [layer, record, delay],
    dynamics(dt = 1.0, tau = 4.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct Core {
    circuit: HeegerMackey<4, 5, 2000, 3000>,
    #[readout]
    readout: Classifier<5, 3, NoBias>,
}
#[dyn_model(
    input = [2, 6, 5], operations = [layer, record, delay], dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct Divisive {
    v1: DivisiveConv<2, 3, 3, 5, 6, 5>,
    #[readout]
    classifier: Classifier<3, 2>,
}

dann_net! {
    pub(crate) struct DannDense; inputs = 9, units = [7, 6, 4], inhibitory = [2, 3, 1]
}
#[dyn_model(
    input = [3, 7, 6], operations = [layer, nonlin, record, delay],
    dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
pub(crate) struct DannConv {
    v1: Dann<3, 6, 2>,
    #[readout]
    classifier: Classifier<6, 2>,
}
ei_net! {
    pub(crate) struct Song; inputs = 3, units = 10, excitatory = 8, outputs = 2
}
