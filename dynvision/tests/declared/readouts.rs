//! A model with two readouts is trained by a loss on each.

use crate::agree_with_differences;
use dynvision::data::{Images, digits};
use dynvision::geometry::Map;
use dynvision::loss::{At, CrossEntropy, Labels, LabelsByReadout, Loss, Weighted};
use dynvision::nn::Full;
use dynvision::optim::{AdamConfig, OptimizerConfig};
use dynvision::parameters::each_mut;
use dynvision::prelude::*;
use dynvision::train::{LabelledByReadout, TrainConfig, TrainError, Trainer};

dynvision::two_streams! {
    pub(crate) struct Small; input = [1, 12, 12], features = [2, 3, 3, 2, 3], classes = 3, places = 2
}
dynvision::two_streams! {
    pub(crate) struct Streams; input = [1, 16, 16], features = [8, 12, 16, 8, 12], classes = 2, places = 4
}

type Both = (CrossEntropy, Weighted<At<CrossEntropy>>);

fn both(weight: f64) -> Both {
    (CrossEntropy::default(), Weighted::new(weight, At::new("whereabouts", CrossEntropy::default())))
}

fn quick() -> Dynamics {
    Dynamics { t_feedforward: 2.0, t_recurrence: 2.0, t_feedback: 2.0, ..Default::default() }
}

#[test]
fn the_loss_is_the_sum_of_both_and_its_gradients_agree_with_differences() {
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<Small, f64>();
    *net.dynamics_mut() = quick();
    // away from the kink at which units without an input stand, and readouts that say something
    each_mut(&mut net, |name, _, tensor| {
        let mut values = tensor.values();
        for (at, value) in values.iter_mut().enumerate() {
            *value = match name {
                _ if name.ends_with("bias") => 0.11 + 0.05 * (at as f64).sin(),
                "what.weight" | "whereabouts.weight" => (1.7 * at as f64).sin(),
                _ => *value,
            };
        }
        tensor.set_values(&values);
    });
    let frame = dev.sample_normal_like(&(2, Const, Const, Const));
    let steps = 8;
    let (what, places) = (Labels::constant(&[2, 0], steps), Labels::constant(&[1, 0], steps));
    let labels = LabelsByReadout::new(what.clone()).with("whereabouts", places.clone()).unwrap();
    let run = |net: &SmallModel<Full, f64, Cpu>| {
        let stimulus = Stimulus::constant(frame.clone(), steps).traced(net.alloc_grads());
        let (logits, responses) = net.try_record(stimulus).unwrap();
        both(0.3).try_forward(net, logits, Some(responses), &labels).unwrap()
    };
    // written out from the answers
    let (logits, responses) = net.try_record(Stimulus::constant(frame.clone(), steps)).unwrap();
    let mean = |logits: Vec<f64>, classes: usize, labels: &Labels| {
        let rows = logits.chunks(classes).zip(labels.as_slice());
        let terms =
            rows.map(|(row, label)| (row.iter().map(|x| x.exp()).sum::<f64>() / row[label.unwrap()].exp()).ln());
        terms.sum::<f64>() / labels.as_slice().len() as f64
    };
    let expected = mean(logits.as_vec(), 3, &what) + 0.3 * mean(responses.whereabouts.values.as_vec(), 2, &places);
    let loss = run(&net);
    assert!((loss.array() - expected).abs() < 1e-12, "{} and {expected}", loss.array());
    agree_with_differences(&net, &mut loss.backward(), |net| run(net).array());
}

#[test]
fn a_readout_that_is_not_there_is_named() {
    let dev = Cpu::seed_from_u64(3);
    let net = dev.build_module::<Small, f64>();
    let judged = |loss: &Both, labels: &LabelsByReadout| {
        let frame = dev.sample_normal_like(&(1, Const, Const, Const));
        let (logits, responses) = net.try_record(Stimulus::constant(frame, 2)).unwrap();
        loss.try_forward(&net, logits, Some(responses), labels).map(|loss| loss.array())
    };
    let labels = LabelsByReadout::new(Labels::constant(&[0], 2));
    let says = judged(&both(1.0), &labels).unwrap_err().to_string();
    assert!(says.contains("`whereabouts`") && says.contains("LabelsByReadout"), "{says}");
    let other = (CrossEntropy::default(), Weighted::new(1.0, At::new("where", CrossEntropy::default())));
    let says = judged(&other, &labels).unwrap_err().to_string();
    assert!(says.contains("`where`") && says.contains("what, whereabouts"), "{says}");
    // that of the first readout has the labels of the target
    let first = (CrossEntropy::default(), Weighted::new(1.0, At::new("what", CrossEntropy::default())));
    let twice = judged(&first, &labels).unwrap();
    let once =
        judged(&(CrossEntropy::default(), Weighted::new(0.0, At::new("what", CrossEntropy::default()))), &labels);
    assert!(twice > once.unwrap());
}

/// Zeros and ones, each in one of four quarters of a larger image.
fn placed(images: &Images, count: usize) -> (Images, Vec<usize>) {
    let all: Vec<usize> = (0..images.len()).filter(|&at| images.labels()[at] < 2).take(count).collect();
    let (mut pixels, mut places) = (Vec::new(), Vec::new());
    for (number, &at) in all.iter().enumerate() {
        let place = number * 7 % 4;
        let (top, left) = (8 * (place / 2), 8 * (place % 2));
        let mut image = vec![0; 256];
        for (i, &pixel) in images.image(at).unwrap().iter().enumerate() {
            image[(top + i / 8) * 16 + left + i % 8] = pixel;
        }
        pixels.extend(image);
        places.push(place);
    }
    let labels = all.iter().map(|&at| images.labels()[at]).collect();
    let names = vec!["0".to_string(), "1".to_string()];
    (Images::new("placed digits", pixels, Map::new(1, 16, 16), labels, names).unwrap(), places)
}

fn trainer(
    epochs: usize,
    weight: f64,
) -> Trainer<StreamsModel<Full, f32, Cpu>, f32, Cpu, Both, OptimizerConfig, LabelsByReadout> {
    let dev = Cpu::seed_from_u64(5);
    let mut net = dev.build_module::<Streams, f32>();
    *net.dynamics_mut() = quick();
    let config = TrainConfig {
        epochs,
        batch_size: 16,
        steps: 4,
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 1e-2, ..Default::default() }),
        progress: false,
        ..Default::default()
    };
    Trainer::new(&dev, net, config).unwrap().with_loss_on(both(weight))
}

#[test]
fn two_streams_learn_what_and_where() {
    let (images, places) = placed(&digits::train().unwrap(), 64);
    let set = LabelledByReadout::new(images).with("whereabouts", places).unwrap();
    let mut trainer = trainer(12, 1.0);
    trainer.fit(&set, Some(&set)).unwrap();
    let first = trainer.history().epochs[0].train.clone();
    let last = trainer.evaluate(&set).unwrap();
    // each readout by its own labels: half and a quarter by chance
    let place = last.readouts["whereabouts"].last_accuracy.unwrap();
    assert!(last.last_accuracy.unwrap() > 0.8 && place > 0.6, "{:?} {place}", last.last_accuracy);
    let named: std::collections::BTreeMap<String, f64> = last.named().into_iter().collect();
    assert_eq!(named["last_accuracy_whereabouts"], place);
    let sum = named["cross_entropy"] + named["cross_entropy_whereabouts"];
    assert!((last.loss - sum).abs() < 1e-9);
    for term in ["cross_entropy", "cross_entropy_whereabouts"] {
        assert!(last.terms[term] < first.terms[term], "{term}: {} then {}", first.terms[term], last.terms[term]);
    }
    assert!(first.readouts.contains_key("whereabouts"));
}

#[test]
fn labels_that_do_not_fit_are_refused_before_the_first_batch() {
    let (images, places) = placed(&digits::train().unwrap(), 8);
    let says = |set: &LabelledByReadout<Images>| {
        let mut trainer = trainer(1, 1.0);
        let before = trainer.net().v1.feedforward.weight.as_vec();
        let error = trainer.fit(set, None).unwrap_err();
        assert_eq!(trainer.net().v1.feedforward.weight.as_vec(), before);
        error.to_string()
    };
    let wrong = LabelledByReadout::new(images.clone()).with("where", places.clone()).unwrap();
    let error = says(&wrong);
    assert!(error.contains("`where`") && error.contains("what, whereabouts"), "{error}");
    let many = places.iter().map(|place| place + 3).collect();
    let error = says(&LabelledByReadout::new(images.clone()).with("whereabouts", many).unwrap());
    assert!(error.contains('7'), "{error}");
    let few = LabelledByReadout::new(images).with("whereabouts", places[1..].to_vec());
    assert!(matches!(few, Err(TrainError::Data(_))));
}
