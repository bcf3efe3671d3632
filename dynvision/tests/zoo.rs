//! The models of the zoo: their sizes are those of the original, or follow from their papers.
#![allow(clippy::unwrap_used, missing_docs)] // a failing test may panic

use dfdx::prelude::{BuildOnDevice, MeanTo};
use dynvision::prelude::*;
use dynvision::zoo::*;

/// Parameters of the model `S`, without the statistics of norms.
fn parameters<S: BuildOnDevice<Cpu, f32>>() -> usize
where
    S::Built: DynModel<f32, Cpu>,
{
    let all = dynvision::parameters::parameters(&Cpu::default().build_module::<S, f32>());
    all.iter().filter(|p| !p.name.contains(".running_")).map(|p| p.len()).sum()
}

/// Weights and biases of a convolution.
const fn conv(from: usize, to: usize, kernel: usize) -> usize {
    from * to * kernel * kernel + to
}

#[test]
fn the_originals_models_have_its_numbers_of_parameters() {
    assert_eq!(parameters::<DyRCNNx2>(), 73_454);
    assert_eq!(parameters::<DyRCNNx4>(), 1_164_950);
    assert_eq!(parameters::<DyRCNNx8>(), 8_534_794);
    assert_eq!(parameters::<DyRCNNx4Feedback>(), 1_164_950 + conv(121, 36, 1) + conv(256, 64, 1));
}

#[test]
fn the_guides_models() {
    assert_eq!(parameters::<SimpleRCNN>(), conv(3, 32, 3) + conv(32, 64, 3) + 2 * 2 + conv(64, 10, 1));
    let widths = [(3, 32), (32, 64), (64, 128), (128, 256)];
    let areas: usize = widths.iter().map(|&(from, to)| conv(from, to, 3) + conv(to, to, 3)).sum();
    let links = conv(32, 128, 1) + conv(64, 256, 1) + conv(128, 32, 1) + conv(256, 64, 1);
    assert_eq!(parameters::<HierarchicalRCNN>(), areas + links + conv(256, 10, 1));
    // a local recurrence has a single kernel and bias
    let areas = conv(3, 48, 5) + conv(48, 96, 3) + conv(96, 192, 3) + 3 * (9 + 1);
    let links = conv(48, 96, 1) + conv(96, 192, 1) + conv(96, 48, 1) + conv(192, 96, 1);
    assert_eq!(parameters::<DyRCNNx3>(), areas + links + conv(192, 10, 1));
}

#[test]
fn cornet_rt_has_two_convolutions_two_norms_and_one_weight_in_each_area() {
    let areas = [(3, 64, 7), (64, 128, 3), (128, 256, 3), (256, 512, 3)];
    let all: usize = areas.iter().map(|&(i, o, k)| conv(i, o, k) + 9 * o * o + 2 * 2 * o + 1).sum();
    let count = parameters::<CorNetRT>();
    assert_eq!(count, all + conv(512, 1000, 1));
    assert_eq!((count as f64 / 1e4).round() / 100.0, 5.21); // what is said of the original's
    // what is fixed is fixed
    let net = Cpu::default().build_module::<CorNetRT, f32>();
    assert_eq!(net.num_trainable_params(), count - 4);
    assert_eq!(net.v1.recurrence.weight.array(), 1.0);
}

#[test]
fn cords_net_has_normalised_convolutions_and_a_bias_for_each_unit() {
    // a normalised weight has a norm for each output
    let normed = |from: usize, to: usize, kernel: usize| from * to * kernel * kernel + to;
    let layers = [(64, 64, 56), (64, 64, 56), (64, 128, 28), (128, 128, 28), (128, 256, 14), (256, 256, 14)];
    let layers = layers.into_iter().chain([(256, 512, 7), (512, 512, 7)]);
    let layers: usize = layers.map(|(i, o, size)| normed(i, o, 3) + normed(o, o, 3) + o * size * size).sum();
    let skips = normed(64, 64, 3) + normed(64, 128, 1) + normed(128, 256, 1) + normed(256, 512, 1);
    let count = parameters::<CordsNet>();
    assert_eq!(count, normed(3, 64, 7) + layers + skips + (512 * 1000 + 1000 + 1000));
    assert_eq!((count as f64 / 1e4).round() / 100.0, 12.48); // what is said of the original's
}

#[test]
fn gated_spiking_and_attending_networks_have_what_their_equations_say() {
    let gates = |n: usize, from: usize, to: usize| n * (to * (from + to) * 9 + to);
    assert_eq!(parameters::<ConvLstm2>(), gates(4, 3, 32) + gates(4, 32, 64) + conv(64, 10, 1));
    assert_eq!(parameters::<ConvGru2>(), gates(3, 3, 32) + gates(3, 32, 64) + conv(64, 10, 1));
    assert_eq!(parameters::<SpikingNet>(), conv(1, 16, 3) + conv(16, 32, 3) + conv(32, 10, 14));
    let scores = 64 * 16 + 64 * 64 + 64 + 64;
    let lstm = 4 * (64 * (16 + 64) + 64);
    assert_eq!(parameters::<RecurrentAttention>(), conv(1, 16, 3) + scores + lstm + conv(64, 10, 1));
    // excitatory and inhibitory weights from below, inhibitory ones within, alpha, gain and bias
    let dann =
        |from: usize, to: usize, inhibitory: usize| (to + inhibitory) * from + to * inhibitory + inhibitory + 2 * to;
    assert_eq!(parameters::<DannNet>(), dann(784, 500, 50) + dann(500, 500, 50) + dann(500, 10, 1));
    // what the documentation says
    let all = [parameters::<ConvLstm2>(), parameters::<ConvGru2>(), parameters::<SpikingNet>()];
    assert_eq!(all, [262_538, 197_066, 67_530]);
    assert_eq!([parameters::<RecurrentAttention>(), parameters::<DannNet>()], [26_794, 763_831]);
}

#[test]
fn feedforward_networks_have_the_parameters_of_torchvision() {
    assert_eq!(parameters::<ResNet18>(), 11_689_512);
    assert_eq!(parameters::<ResNet34>(), 21_797_672);
    // with a convolution where the size changes
    assert_eq!(parameters::<ResNet20>(), 272_474);
    assert_eq!(parameters::<ResNet32>(), 466_906);
    assert_eq!(parameters::<ResNet44>(), 661_338);
    assert_eq!(parameters::<AlexNet>(), 61_100_840);
    assert_eq!((AlexNet::LAYER1.to_string(), AlexNet::LAYER5_POOL.to_string()), ("64x55x55".into(), "256x6x6".into()));
}

#[test]
fn the_summary_shows_every_area() {
    let text = Cpu::default().build_module::<DyRCNNx4, f32>().summary().to_string();
    for expected in ["v1", "36x32x32", "36x16x16", "121x8x8", "256x4x4", "v4_skip_v1", "1,164,950 parameters"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

dynvision::alex_net! { struct SmallAlexNet; input = [1, 63, 63], classes = 3 }

/// AlexNet with recurrence: its readout drops units only where it trains, and gradients reach the first area.
#[test]
fn alex_net_drops_units_while_it_learns() {
    let dev = Cpu::seed_from_u64(3);
    let net = dev.build_module::<SmallAlexNet<SelfRecurrence>, f32>();
    let images = dev.sample_normal_like(&(2, Const, Const, Const));
    let evaluate = || net.try_run(Stimulus::constant(images.clone(), 2)).unwrap().as_vec();
    let learn = || net.try_run(Stimulus::constant(images.clone(), 2).training().traced(net.alloc_grads())).unwrap();
    assert_eq!(evaluate(), evaluate());
    assert_eq!(
        net.try_run(Stimulus::constant(images.clone(), 2).traced(net.alloc_grads())).unwrap().as_vec(),
        evaluate()
    );
    let (first, again) = (learn(), learn());
    assert_ne!(first.as_vec(), again.as_vec());
    let gradients = first.square().mean().backward();
    assert!(gradients.get(&net.layer1.feedforward.weight).as_vec().iter().any(|&g| g != 0.0));
}
