//! A model with two inputs: an image, and a cue that says where to look.

use dfdx::prelude::{Rank0, SumTo};
use dynvision::data::{Arrays, Dataset, Images, Loader, Order, Seed, Values};
use dynvision::geometry::Map;
use dynvision::interop::Weights;
use dynvision::loss::Labels;
use dynvision::nn::NoRecurrence;
use dynvision::optim::{AdamConfig, OptimizerConfig};
use dynvision::prelude::*;
use dynvision::train::{TrainConfig, TrainError, Trainer, WithInputs, residual_steps};

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

/// Which of two halves of the image is bright, said only by the cue: who does not see it cannot do better than chance.
fn halves(images: usize) -> (Images, Arrays) {
    let (bright, cued): (Vec<bool>, Vec<bool>) = (0..images).map(|i| (i % 2 == 0, i % 4 < 2)).unzip();
    let pixels = bright.iter().flat_map(|&left| (0..64).map(move |at| if (at % 8 < 4) == left { 255 } else { 0 }));
    // the class: the cued half is bright
    let labels: Vec<u16> = bright.iter().zip(&cued).map(|(&left, &cue)| u16::from(left == cue)).collect();
    let classes = vec!["dark".to_string(), "bright".to_string()];
    let map = |cue: bool| (0..32).map(move |at| if (at % 4 < 2) == cue { 1.0 } else { 0.0 });
    let cues = Values::Floats(cued.iter().flat_map(|&cue| map(cue)).collect());
    let images = Images::new("halves", pixels.collect(), Map::new(1, 8, 8), labels.clone(), classes.clone()).unwrap();
    (images, Arrays::new("cues", cues, 1, Map::new(2, 4, 4), labels, classes).unwrap())
}

fn trainer(epochs: usize) -> Trainer<CuedModel<f64, Cpu>, f64, Cpu> {
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 0.02, ..AdamConfig::default() });
    let config = TrainConfig { epochs, batch_size: 8, steps: 4, optimizer, ..TrainConfig::default() };
    Trainer::new(&Cpu::default(), net(), config).unwrap()
}

#[test]
fn a_training_shows_the_cue_beside_the_image() {
    let (images, cues) = halves(32);
    let set = WithInputs::new(images).with("cue", cues).unwrap();
    let mut trainer = trainer(60);
    trainer.fit(&set, Some(&set)).unwrap();
    assert_eq!(trainer.evaluate(&set).unwrap().last_accuracy, Some(1.0));
}

/// One batch in the order of the set, by hand: the same loss and the same weights after the update.
#[test]
fn a_batch_is_what_one_would_show_by_hand() {
    let (images, cues) = halves(8);
    let set = WithInputs::new(images.clone()).with("cue", cues.clone()).unwrap();
    let (mut fitted, mut by_hand) = (trainer(1), trainer(1));
    fitted.fit(&set, None).unwrap();

    let dev = Cpu::default();
    let order = Order::Shuffled.indices(images.labels(), Seed(0), 0);
    let batch = images.batches::<1, 8, 8, f64, _>(&dev, &order, 8).unwrap().next().unwrap().unwrap();
    let values = order.iter().flat_map(|&at| match cues.sample(at).unwrap().into_values() {
        Values::Floats(values) => values.into_iter().map(f64::from),
        Values::Bytes(_) => unreachable!(),
    });
    let cue: Cue = dev.tensor_from_vec(values.collect(), (8, Const, Const, Const));
    let lag = residual_steps(by_hand.net(), &dev).unwrap();
    let plan = TrainConfig::default().presentation.plan(4, lag, Seed(0), 0);
    let stimulus = Stimulus::presented(batch.images, plan.shown(), 0.0).unwrap();
    let stimulus = stimulus.beside("cue", Stimulus::presented(cue, plan.shown(), 0.0).unwrap()).unwrap();
    by_hand.backward(stimulus, &Labels::counted(&batch.labels, plan.counted())).unwrap();
    by_hand.update().unwrap();
    assert_eq!(fitted.net().weights(), by_hand.net().weights());
}

#[test]
fn a_training_names_what_is_shown_wrongly_before_it_begins() {
    let (images, cues) = halves(8);
    let says = |error: TrainError| error.to_string();
    // no cue, a name that is no input, another number of samples, another shape, a film beside images
    let error = says(trainer(1).fit(&images, None).unwrap_err());
    assert!(error.contains("input `cue`") && error.contains("WithInputs"), "{error}");
    let set = WithInputs::new(images.clone()).with("cue", cues.clone()).unwrap().with("hint", cues).unwrap();
    let error = says(trainer(1).fit(&set, None).unwrap_err());
    assert!(error.contains("`hint`") && error.contains("cue"), "{error}");
    let error = says(WithInputs::new(images.clone()).with("cue", halves(4).1).unwrap_err());
    assert!(error.contains('4') && error.contains('8'), "{error}");
    let other = |frames: usize, map: Map| {
        let values = Values::Floats(vec![0.0; 8 * frames * map.c * map.h * map.w]);
        let (labels, classes) = (images.labels().to_vec(), images.classes().to_vec());
        let cues = Arrays::new("cues", values, frames, map, labels, classes).unwrap();
        let set = WithInputs::new(images.clone()).with("cue", cues).unwrap();
        let mut trainer = trainer(1);
        let error = says(trainer.fit(&set, None).unwrap_err());
        assert!(trainer.history().epochs.is_empty());
        error
    };
    let error = other(1, Map::new(2, 4, 5));
    assert!(error.contains("`cue`") && error.contains("[1, 2, 4, 4]"), "{error}");
    let error = other(3, Map::new(2, 4, 4));
    assert!(error.contains("3 of `cue`"), "{error}");
}

/// Films beside films: each step has its own.
#[test]
fn a_film_of_cues_goes_beside_a_film() {
    let films = |name: &str, map: Map| {
        let values = (0..4 * 3 * map.c * map.h * map.w).map(|at| (at as f32 * 0.37).sin()).collect();
        Arrays::new(name, Values::Floats(values), 3, map, vec![0, 1, 0, 1], vec!["a".into(), "b".into()]).unwrap()
    };
    let (images, cues) = (films("images", Map::new(1, 8, 8)), films("cues", Map::new(2, 4, 4)));
    let set = |cues| WithInputs::new(Loader::new(images.clone())).with("cue", cues).unwrap();
    let mut all = trainer(1);
    all.fit(&set(cues.clone()), None).unwrap();
    // without its last frame the film of cues makes another run
    let last = |cues: &Arrays, at: usize| match cues.sample(at).unwrap().into_values() {
        Values::Floats(mut values) => {
            values[64..].fill(0.0);
            values
        }
        Values::Bytes(_) => unreachable!(),
    };
    let values = Values::Floats((0..4).flat_map(|at| last(&cues, at)).collect());
    let cut =
        Arrays::new("cues", values, 3, Map::new(2, 4, 4), vec![0, 1, 0, 1], vec!["a".into(), "b".into()]).unwrap();
    let mut other = trainer(1);
    other.fit(&set(cut), None).unwrap();
    assert_ne!(all.net().weights(), other.net().weights());
}
