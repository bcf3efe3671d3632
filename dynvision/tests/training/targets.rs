//! What a training learns from: loaders of any data set, films, labels in time, recorded responses, several labels.

use super::*;
use dynvision::data::{DataError, Dataset, Loader, Sample, Transform, Transforms, Values};
use dynvision::geometry::Map;
use dynvision::loss::{BinaryCrossEntropy, Place, Responses, SquaredError};
use dynvision::train::{LabelledInTime, Recorded, Recording, Source};

type Net64 = Model<f64>;

fn loader(images: Images) -> Loader {
    let normalisation = images.normalisation().clone();
    Loader::new(images).normalisation(normalisation)
}

/// The loader's threads and queues bring what memory brings, in the order that the training's seed says.
#[test]
fn a_loader_trains_as_images_in_memory_do() {
    let (images, held_out) = (train_images(), few(digits::test().unwrap(), 30));
    let mut from_memory = trainer(2);
    from_memory.fit(&images, Some(&held_out)).unwrap();
    let mut through_loader = trainer(2);
    let other = loader(images).batch_size(7).seed(Seed(99)).threads(3);
    through_loader.fit(&other, Some(&loader(held_out))).unwrap();
    assert_eq!(through_loader.net().weights(), from_memory.net().weights());
    assert_eq!(timeless(&through_loader), timeless(&from_memory));
}

#[test]
fn a_loader_with_random_transforms_resumes_within_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let set = || {
        let crop = Transforms::new(vec![Transform::RandomHorizontalFlip { probability: 0.5 }]).unwrap();
        loader(train_images()).transforms(crop)
    };
    let to = Checkpoints { every_batches: Some(3), every: 100, ..Checkpoints::to(folder.path()) };
    let config = TrainConfig { checkpoints: Some(to), ..config(2) };
    let start = || Trainer::new(&Cpu::default(), net(7), config.clone()).unwrap();
    let mut whole = start();
    let (last, copy) = (folder.path().join("last.safetensors"), folder.path().join("copy.safetensors"));
    let set = set();
    whole
        .fit_each(&set, None, |epoch| {
            // the last within the first epoch: the history beside it is longer by then
            if epoch.epoch == 1 {
                std::fs::copy(&last, &copy).unwrap();
            }
        })
        .unwrap();
    let mut resumed = start();
    resumed.resume(&copy).unwrap();
    assert_eq!(resumed.checkpoint().unwrap().about.partial.unwrap().batches, 4);
    resumed.fit(&set, None).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    // without the transforms it is another run
    let mut other = start();
    std::fs::remove_file(&last).unwrap();
    other.fit(&loader(train_images()), None).unwrap();
    assert_ne!(other.net().weights(), whole.net().weights());
}

/// Films of noise, in three classes.
struct Films {
    labels: Vec<u16>,
    classes: Vec<String>,
    frames: usize,
}

impl Films {
    fn new(count: u16, frames: usize) -> Self {
        let labels = (0..count).map(|i| i % 3).collect();
        Films { labels, classes: ["a", "b", "c"].map(String::from).to_vec(), frames }
    }
}

impl Dataset for Films {
    fn name(&self) -> &str {
        "films"
    }
    fn labels(&self) -> &[u16] {
        &self.labels
    }
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn shape(&self) -> Option<Map> {
        Some(Map::new(1, 8, 8))
    }
    fn sample(&self, index: usize) -> std::result::Result<Sample, DataError> {
        let value = |i: usize| ((i * 31 + index * 7) as f32 * 0.7).sin();
        let values = (0..64 * self.frames).map(value).collect();
        Sample::new("films", Values::Floats(values), self.frames, Map::new(1, 8, 8))
    }
}

/// A film is shown frame by frame, then blank for as long as the readout lags behind, and all of its labels count.
#[test]
fn films_are_trained_on_by_fit() {
    let config = TrainConfig { epochs: 1, batch_size: 4, order: dynvision::data::Order::Sequential, ..sgd(0.1) };
    let mut fitted = plain(config.clone());
    fitted.fit(&Loader::new(Films::new(6, 5)), None).unwrap();
    let mut by_hand = plain(config);
    for batch in Loader::new(Films::new(6, 5)).batch_size(4).epoch(&Cpu::default(), 0).unwrap() {
        let batch = batch.unwrap();
        // a lag of two areas
        let film = Stimulus::frames(batch.frames, dfdx::prelude::NoneTape).then_blank(2, 0.0).unwrap();
        let counted = [false, false, true, true, true, true, true];
        by_hand.backward(film, &Labels::counted(&batch.labels, &counted)).unwrap();
        by_hand.update().unwrap();
    }
    assert_eq!(fitted.net().weights(), by_hand.net().weights());
    assert_eq!(fitted.history().epochs[0].train.in_time.len(), 7);
}

#[test]
fn labels_in_time_count_where_they_are() {
    let images = few(train_images(), 30);
    let config = TrainConfig { epochs: 2, batch_size: 8, ..sgd(0.1) };
    let constant: Vec<Option<usize>> =
        images.labels().iter().flat_map(|&label| [Some(usize::from(label)); 4]).collect();
    let run = |labels: Vec<Option<usize>>| {
        let set = LabelledInTime::new(images.clone(), Labels::new(30, 4, labels).unwrap()).unwrap();
        let mut trainer = plain(config.clone());
        trainer.fit(&set, Some(&set)).unwrap();
        trainer
    };
    // those that do not change are those of the images
    let mut whole = plain(config.clone());
    whole.fit(&images, None).unwrap();
    let same = run(constant.clone());
    assert_eq!(same.net().weights(), whole.net().weights());
    // of the second half of the presentation alone
    let second: Vec<_> = constant.iter().enumerate().map(|(i, label)| label.filter(|_| i % 4 >= 2)).collect();
    let part = run(second.clone());
    assert_ne!(part.net().weights(), whole.net().weights());
    let in_time =
        part.evaluate(&LabelledInTime::new(images.clone(), Labels::new(30, 4, second).unwrap()).unwrap()).unwrap();
    let counted = (in_time.in_time[4] + in_time.in_time[5]) / 2.0;
    assert!((in_time.accuracy.unwrap() - counted).abs() < 1e-12);
    let few = LabelledInTime::new(images.clone(), Labels::new(29, 4, constant[..116].to_vec()).unwrap());
    assert!(few.unwrap_err().to_string().contains("samples of the labels in time"));
    let long = LabelledInTime::new(images, Labels::new(30, 9, vec![Some(1); 270]).unwrap()).unwrap();
    assert!(plain(config).fit(&long, None).unwrap_err().to_string().contains("steps of the labels in time"));
}

/// What `v2` and the readout of another model answer to the images, as recordings of 6 steps; NaN here and there.
fn recorded(images: &Images, missing: bool) -> (Recording, Recording) {
    let teacher = net(3).to_dtype::<f64>();
    let (order, count): (Vec<usize>, _) = ((0..images.len()).collect(), images.len());
    let batch = images.batches::<1, 8, 8, f64, _>(&Cpu::default(), &order, count).unwrap().next().unwrap().unwrap();
    let shown = Stimulus::constant(batch.images, 4).then_blank(2, 0.0).unwrap();
    let (logits, responses) = teacher.try_record(shown).unwrap();
    let make = |values: Vec<f64>, units: usize| {
        let gap = |i: usize| missing && i % 7 == 3;
        let values = values.iter().enumerate().map(|(i, &v)| if gap(i) { f32::NAN } else { v as f32 }).collect();
        Recording::new([count, 6, units], values).unwrap()
    };
    (make(responses.v2.values.as_vec(), 6 * 16), make(logits.as_vec(), 10))
}

#[test]
fn a_model_learns_to_answer_as_recorded_units_do() {
    let images = few(train_images(), 48);
    let (neurons, _) = recorded(&images, true);
    let set = Recorded::new(images, [(Place::area("v2"), neurons)]).unwrap();
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 2e-2, ..Default::default() });
    let monitor = Monitor::of("valid_correlation_v2", MonitorMode::Max);
    let config = TrainConfig { epochs: 12, batch_size: 16, optimizer, monitor, progress: false, ..Default::default() };
    let student = net(5).to_dtype::<f64>();
    let mut trainer =
        Trainer::new(&Cpu::default(), student, config).unwrap().with_loss_on::<Responses, _>(SquaredError::default());
    let before = trainer.evaluate(&set).unwrap();
    trainer.fit(&set, Some(&set)).unwrap();
    let after = trainer.evaluate(&set).unwrap();
    let (was, is) = (before.agreement["v2"], after.agreement["v2"]);
    assert_eq!((is.units, after.accuracy, after.in_time.len()), (96, None, 0));
    assert!(is.correlation.unwrap() > was.correlation.unwrap() + 0.1, "{was:?} {is:?}");
    assert!(is.explained_variance.unwrap() > was.explained_variance.unwrap() + 0.1, "{was:?} {is:?}");
    assert!(after.loss < 0.5 * before.loss, "{} {}", before.loss, after.loss);
    let csv = trainer.history().to_csv();
    assert!(csv.lines().next().unwrap().ends_with("valid_correlation_v2,valid_explained_variance_v2"), "{csv}");
    let says = trainer.history().last().unwrap().to_string();
    assert!(says.contains("held out: loss") && !says.contains("accuracy"), "{says}");
}

/// Loss, correlation and explained variance, each written out over what the model answers.
#[test]
fn metrics_of_responses_are_what_they_say() {
    let images = few(train_images(), 20);
    let (neurons, logits) = recorded(&images, true);
    let set = Recorded::new(images.clone(), [(Place::area("v2"), neurons), (Place::Readout, logits)]).unwrap();
    let config = TrainConfig { batch_size: 8, ..sgd(0.1) };
    let trainer = plain(config).with_loss_on::<Responses, _>(SquaredError::default());
    let metrics = trainer.evaluate(&set).unwrap();
    let units = trainer.evaluate_units(&set).unwrap();
    // what the teacher answers is recorded, what the model answers is compared
    let all = recorded(&images, true);
    let shown = {
        let order: Vec<usize> = (0..20).collect();
        let batch = images.batches::<1, 8, 8, f64, _>(&Cpu::default(), &order, 20).unwrap().next().unwrap().unwrap();
        Stimulus::constant(batch.images, 4).then_blank(2, 0.0).unwrap()
    };
    let (answers, responses) = trainer.net().try_record(shown).unwrap();
    let (mut errors, mut counted) = (0.0, 0.0);
    for (place, found, recording, of) in [
        (Place::area("v2"), responses.v2.values.as_vec(), values_of(&all.0), 96),
        (Place::Readout, answers.as_vec(), values_of(&all.1), 10),
    ] {
        let pairs: Vec<(usize, f64, f64)> = (0..found.len())
            .filter(|&i| !recording[i].is_nan())
            .map(|i| (i % of, found[i], f64::from(recording[i])))
            .collect();
        errors += pairs.iter().map(|(_, a, r)| (a - r).powi(2)).sum::<f64>();
        counted += pairs.len() as f64;
        for (unit, agreement) in units[&place].iter().enumerate() {
            let rows: Vec<_> = pairs.iter().filter(|row| row.0 == unit).map(|row| (row.1, row.2)).collect();
            assert_eq!(agreement.weight, rows.len() as f64);
            let mean = |of: &dyn Fn(&(f64, f64)) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
            let (a, r) = (mean(&|row| row.0), mean(&|row| row.1));
            let (va, vr) = (mean(&|row| (row.0 - a).powi(2)), mean(&|row| (row.1 - r).powi(2)));
            if va > 1e-9 && vr > 1e-9 {
                let correlation = mean(&|row| (row.0 - a) * (row.1 - r)) / (va * vr).sqrt();
                assert!((agreement.correlation.unwrap() - correlation).abs() < 1e-9, "{place} {unit}");
                let rest = mean(&|row| (row.1 - row.0 - r + a).powi(2));
                assert!((agreement.explained_variance.unwrap() - 1.0 + rest / vr).abs() < 1e-6, "{place} {unit}");
            }
        }
    }
    assert!((metrics.loss - errors / counted).abs() < 1e-9 * metrics.loss, "{} {}", metrics.loss, errors / counted);
    assert_eq!(metrics.agreement.keys().collect::<Vec<_>>(), ["readout", "v2"]);
}

fn values_of(recording: &Recording) -> Vec<f32> {
    recording.values().to_vec()
}

/// Two parts before one update are one batch, also where units were not recorded everywhere.
#[test]
fn parts_weigh_by_the_responses_that_count() {
    let images = few(train_images(), 17);
    let (neurons, logits) = recorded(&images, true);
    let alone = Recorded::new(images.clone(), [(Place::area("v2"), neurons.clone())]).unwrap();
    // responses that the loss does not compare weigh nothing
    let both = Recorded::new(images, [(Place::area("v2"), neurons), (Place::Readout, logits)]).unwrap();
    let run = |set: &Recorded<Images>, loss: &SquaredError, batch_size, accumulate| -> (f64, Net64) {
        let config = TrainConfig { epochs: 1, batch_size, accumulate, ..sgd(0.1) };
        let mut trainer = plain(config).with_loss_on::<Responses, _>(loss.clone());
        let loss = trainer.evaluate(set).unwrap().loss;
        trainer.fit(set, None).unwrap();
        assert_eq!(trainer.history().last().unwrap().updates, 1);
        (loss, trainer.into_net())
    };
    let (all, v2) = (SquaredError::default(), SquaredError::of([Place::area("v2")]));
    for (set, loss) in [(&alone, &all), (&both, &all), (&both, &v2)] {
        let (whole, parts) = (run(set, loss, 17, 1), run(set, loss, 16, 2));
        assert!((whole.0 - parts.0).abs() < 1e-13 * whole.0, "{loss:?}: {} {}", whole.0, parts.0);
        for parameter in parameters(&whole.1) {
            let values = |net: &Net64| net.weights().get::<f64>(&parameter.name, &parameter.shape).unwrap();
            let far = values(&whole.1).iter().zip(values(&parts.1)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-14, "{loss:?}, {}: {far}", parameter.name);
        }
    }
}

#[test]
fn labels_and_responses_are_learnt_together() {
    let images = few(train_images(), 32);
    let (neurons, _) = recorded(&images, false);
    let set = Recorded::new(images, [(Place::area("v2"), neurons)]).unwrap().with_labels();
    let config = TrainConfig { epochs: 2, batch_size: 16, ..sgd(0.1) };
    let loss = (CrossEntropy::default(), Weighted::new(0.5, SquaredError::of([Place::area("v2")])));
    let mut trainer = plain(config.clone()).with_loss_on::<(Labels, Responses), _>(loss.clone());
    trainer.fit(&set, Some(&set)).unwrap();
    let valid = trainer.history().last().unwrap().valid.clone().unwrap();
    assert!(valid.accuracy.is_some() && valid.agreement["v2"].correlation.is_some());
    assert!((valid.loss - valid.terms["cross_entropy"] - 0.5 * valid.terms["squared_error"]).abs() < 1e-12);
    // it resumes as any other
    let mut resumed = plain(config).with_loss_on::<(Labels, Responses), _>(loss);
    resumed.restore(&trainer.checkpoint().unwrap()).unwrap();
    assert_eq!(resumed.evaluate(&set).unwrap(), trainer.evaluate(&set).unwrap());
}

#[test]
fn several_labels_for_one_image_are_learnt() {
    let images = few(train_images(), 48);
    // an image is of its own class, and of that of small or of great digits
    let values = images.labels().iter().flat_map(|&label| {
        (0..6).flat_map(move |step| {
            let of = move |class: u16| class == label || class == if label < 5 { 8 } else { 9 };
            (0..10).map(move |class| if step < 2 { f32::NAN } else { f32::from(u8::from(of(class))) })
        })
    });
    let both = Recording::new([48, 6, 10], values.collect()).unwrap();
    let set = Recorded::new(images, [(Place::Readout, both)]).unwrap();
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 2e-2, ..Default::default() });
    let config = TrainConfig { epochs: 15, batch_size: 16, optimizer, progress: false, ..Default::default() };
    let mut trainer = plain(config).with_loss_on::<Responses, _>(BinaryCrossEntropy::default());
    let before = trainer.evaluate(&set).unwrap();
    trainer.fit(&set, None).unwrap();
    let after = trainer.evaluate(&set).unwrap();
    // small logits say a half of everything
    assert!((before.loss - 2f64.ln()).abs() < 0.05, "{}", before.loss);
    assert!(after.loss < 0.5, "{}", after.loss);
    assert!(after.agreement["readout"].correlation > before.agreement["readout"].correlation);
}

#[test]
fn mistakes_of_targets_are_named_before_the_first_batch() {
    let images = few(train_images(), 8);
    let recording = |units, steps: usize| Recording::new([8, steps, units], vec![0.0; 8 * steps * units]).unwrap();
    let fit = |place: Place, recording: Recording, loss: SquaredError| {
        let set = Recorded::new(images.clone(), [(place, recording)]).unwrap();
        let mut trainer = plain(sgd(0.1)).with_loss_on::<Responses, _>(loss);
        let says = trainer.fit(&set, None).unwrap_err().to_string();
        assert_eq!(trainer.checkpoint().unwrap().about.batches, 0);
        says
    };
    let all = SquaredError::default;
    let says = fit(Place::area("v9"), recording(4, 6), all());
    assert!(says.contains("`v9`") && says.contains("its areas are v1, v2"), "{says}");
    let says = fit(Place::area("v2"), recording(4, 6), all());
    assert!(says.contains("`v2`") && says.contains("[8, 6, 4]") && says.contains("[8, 6, 96]"), "{says}");
    let says = fit(Place::Readout, recording(9, 6), all());
    assert!(says.contains("`readout`") && says.contains("[8, 6, 10]"), "{says}");
    let says = fit(Place::area("v2"), recording(96, 7), all());
    assert!(says.contains("steps of a recording") && says.contains("at most the 6"), "{says}");
    let says = fit(Place::area("v2"), recording(96, 6), SquaredError::of([Place::Readout]));
    assert!(says.contains("`readout`") && says.contains("those of v2"), "{says}");
    let nothing = Recording::new([8, 6, 96], vec![f32::NAN; 8 * 6 * 96]).unwrap();
    let set = Recorded::new(images.clone(), [(Place::area("v2"), nothing)]).unwrap();
    let mut trainer = plain(sgd(0.1)).with_loss_on::<Responses, _>(all());
    assert!(matches!(trainer.fit(&set, None), Err(TrainError::NothingCounts { .. })));
    let seven = Recorded::new(images.clone(), [(Place::Readout, Recording::new([7, 1, 1], vec![0.0; 7]).unwrap())]);
    assert!(seven.unwrap_err().to_string().contains("samples of a recording"));
    assert!(Recorded::new(images.clone(), []).unwrap_err().to_string().contains("number of recordings"));
    // a held-out set that a loader would refuse after an epoch
    let small = Images::new("small", vec![0; 18], Map::new(1, 3, 3), vec![0, 1], vec!["a".into(), "b".into()]).unwrap();
    let mut trainer = plain(sgd(0.1));
    let says = trainer.fit(&loader(images.clone()), Some(&loader(small))).unwrap_err().to_string();
    assert!(says.contains("1x3x3") && trainer.checkpoint().unwrap().about.batches == 0, "{says}");
    // a resumed training learns from the same recordings
    let of = |value: f32| {
        Recorded::new(images.clone(), [(Place::Readout, Recording::new([8, 1, 10], vec![value; 80]).unwrap())]).unwrap()
    };
    assert_ne!(of(0.0).describe(), of(1.0).describe());
    assert_ne!(loader(images.clone()).describe(), loader(few(images, 7)).describe());
}
