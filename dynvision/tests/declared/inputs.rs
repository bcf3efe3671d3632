//! A model with two inputs: an image, and a cue that says where to look.

use dfdx::prelude::{Rank0, SumTo};
use dynvision::nn::NoRecurrence;
use dynvision::prelude::*;

/// The cue has a map of its own size; `joined` gets both at the size of the first.
#[dyn_model(
    inputs(image = [1, 8, 8], cue = [2, 4, 4]), operations = [layer, nonlin, record, delay],
    dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
)]
struct Cued {
    #[area(from = cue)]
    attention: RConv2d<2, 3, 3, 1, NoRecurrence>,
    #[area(from = [image, attention])]
    joined: RConv2d<4, 5, 3, 1, NoRecurrence>,
    #[readout]
    classifier: Classifier<5, 2>,
}

type Image = Tensor<(usize, Const<1>, Const<8>, Const<8>), f64, Cpu>;
type Cue = Tensor<CuedCue<usize>, f64, Cpu>;

fn net() -> CuedModel<f64, Cpu> {
    Cpu::seed_from_u64(1).build_module::<Cued, f64>()
}

fn image(images: usize) -> Image {
    Cpu::seed_from_u64(2).sample_normal_like(&(images, Const, Const, Const))
}

fn cue(seed: u64, images: usize) -> Cue {
    Cpu::seed_from_u64(seed).sample_normal_like(&(images, Const, Const, Const))
}

#[test]
fn each_input_has_a_stimulus_of_its_own() {
    assert_eq!(
        (Cued::INPUT.to_string(), Cued::CUE.to_string(), Cued::JOINED.to_string()),
        ("1x8x8".into(), "2x4x4".into(), "5x8x8".into())
    );
    let net = net();
    // the cue changes at the third step, the image does not
    let cues = || Stimulus::constant(cue(3, 2), 2).then(cue(4, 2), 2);
    let both = Stimulus::constant(image(2), 4).beside("cue", cues()).unwrap();
    let (_, responses) = net.try_record(both).unwrap();
    let of = |step: usize| {
        let values = responses.joined.values.as_vec();
        let units = values.len() / 8;
        [&values[step * units..(step + 1) * units], &values[(4 + step) * units..(5 + step) * units]].concat()
    };
    assert_eq!(of(0), of(1));
    assert_ne!(of(1), of(2));
    assert_eq!(of(2), of(3));
    // the same as that cue all the time, since nothing here has a memory
    let constant = Stimulus::constant(image(2), 1).beside("cue", Stimulus::constant(cue(4, 2), 1)).unwrap();
    let (_, other) = net.try_record(constant).unwrap();
    assert_eq!(of(3), other.joined.values.as_vec());
}

#[test]
fn gradients_reach_what_sees_the_cue() {
    let net = net();
    let both = Stimulus::constant(image(2), 2).beside("cue", Stimulus::constant(cue(3, 2), 2)).unwrap();
    let loss = net.try_run(both.traced(net.alloc_grads())).unwrap().square().sum::<Rank0, _>();
    let of = crate::common::gradients(&net, &mut loss.backward());
    assert!(of["attention.conv.weight"].iter().any(|&g| g != 0.0));
}

#[test]
fn a_wrong_or_missing_input_is_one_clear_error() {
    let net = net();
    let says = |stimulus: Stimulus<_, f64, Cpu>| net.try_run(stimulus).unwrap_err().to_string();
    let shown = || Stimulus::constant(image(2), 3);
    let missing = says(shown());
    assert!(missing.contains("input `cue`") && missing.contains(".beside(\"cue\""), "{missing}");
    let unknown = says(shown().beside("queue", Stimulus::constant(cue(3, 2), 3)).unwrap());
    assert!(unknown.contains("`queue`") && unknown.contains("cue"), "{unknown}");
    let short = says(shown().beside("cue", Stimulus::constant(cue(3, 2), 2)).unwrap());
    assert!(short.contains("for 2 steps") && short.contains("for 3"), "{short}");
    let few = says(shown().beside("cue", Stimulus::constant(cue(3, 1), 3)).unwrap());
    assert!(few.contains("[1, 2, 4, 4]") && few.contains("[2, 2, 4, 4]"), "{few}");
    let large = says(shown().beside("cue", Stimulus::constant(image(2), 3)).unwrap());
    assert!(large.contains("[2, 1, 8, 8]"), "{large}");
    let twice = shown().beside("cue", Stimulus::constant(cue(3, 2), 3)).unwrap();
    let twice = says(twice.beside("cue", Stimulus::constant(cue(3, 2), 3)).unwrap());
    assert!(twice.contains("twice"), "{twice}");
}
