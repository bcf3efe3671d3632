//! Training: what a seed determines, what a checkpoint keeps, and what is said when something is wrong.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod average;
mod log;
mod presented;
mod targets;

use dynvision::data::{Images, Presentation, Seed, digits};
use dynvision::interop::{StateDict, Weights};
use dynvision::loss::{Activity, CrossEntropy, Labels, Weighted};
use dynvision::nn::{BatchNorm, Dropout};
use dynvision::optim::{
    AdamConfig, Clip, Group, Groups, LrScaling, MonitorMode, OptimizerConfig, Plateau, Schedule, SgdConfig,
};
use dynvision::parameters::parameters;
use dynvision::prelude::*;
use dynvision::train::{Checkpoint, Checkpoints, EarlyStopping, Interval, Monitor, TrainConfig, TrainError, Trainer};

#[dyn_model(input = [1, 8, 8], operations = [layer, feedback, tstep, nonlin, record, delay, pool])]
struct Net {
    #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
    v1: RConv2d<1, 4>,
    #[area]
    v2: RConv2d<4, 6>,
    #[readout]
    classifier: Classifier<6, 10>,
}

#[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay, pool])]
struct Other {
    #[area(pool = MaxPool2d<3, 2, 1>)]
    v1: RConv2d<1, 4>,
    #[readout]
    classifier: Classifier<4, 10>,
}

/// With chance in its runs, and moments that runs change.
#[dyn_model(input = [1, 8, 8], operations = [layer, tstep, norm, nonlin, dropout, record, delay])]
struct Chancy {
    #[area(norm = BatchNorm<4>, apply(dropout = Dropout<20>))]
    v1: RConv2d<1, 4>,
    #[readout]
    classifier: Classifier<4, 10>,
}

#[test]
fn a_trainer_freezes_statistics_by_name() {
    let dev = Cpu::seed_from_u64(2);
    let net = dev.build_module::<Chancy, f32>();
    let images = few(digits::train().unwrap(), 20);
    let trained = |frozen_statistics: Vec<String>| {
        let config = TrainConfig { frozen_statistics, ..config(1) };
        let mut trainer = Trainer::new(&dev, net.clone(), config)?;
        trainer.fit(&images, None)?;
        let net = trainer.into_net();
        Ok::<_, TrainError>((net.v1_norm.running_mean.as_vec(), net.v1_norm.weight.as_vec()))
    };
    let (mean, weight) = trained(vec!["v1".into()]).unwrap();
    assert_eq!(mean, [0.0; 4]);
    assert_ne!(weight, [1.0; 4]);
    assert_ne!(trained(vec![]).unwrap().0, [0.0; 4]);
    let error = trained(vec!["it".into()]).unwrap_err().to_string();
    assert!(error.contains("`it`") && error.contains("its areas are v1"), "{error}");
}

/// Frames so large that the variance of what a batch norm sees is infinite: the loss is finite, since all is divided by it.
#[test]
fn moments_that_would_be_infinite_are_refused() {
    let dev = Cpu::seed_from_u64(2);
    let mut trainer = Trainer::new(&dev, dev.build_module::<Chancy, f32>(), config(1)).unwrap();
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.sample_normal_like(&(4, Const, Const, Const));
    let before = trainer.net().weights();
    let labels = Labels::constant(&[1, 2, 3, 4], 4);
    let says = trainer.backward(Stimulus::constant(frame.clone() * 1e25, 4), &labels).unwrap_err().to_string();
    assert!(says.contains("`v1_norm.running_") && says.contains("smaller scale"), "{says}");
    assert_eq!(trainer.net().weights(), before);
    assert_eq!(trainer.update().unwrap(), 0.0, "no gradient of it is left");
    trainer.backward(Stimulus::constant(frame, 4), &labels).unwrap();
    assert_ne!(trainer.net().weights(), before);
}

/// A loss so steep that gradients are finite and their squares are not: Adam's second moment would be infinite, and the weight
/// would never move again.
#[test]
fn gradients_whose_squares_are_infinite_are_refused() {
    let dev = Cpu::seed_from_u64(2);
    let images = few(digits::train().unwrap(), 20);
    let settings = TrainConfig { clip: Clip::Norm(f64::INFINITY), average: None, ..config(1) };
    let steep = |config: TrainConfig| {
        let net = dev.build_module::<Net, f32>();
        Trainer::new(&dev, net, config).unwrap().with_loss(Weighted::new(1e25, CrossEntropy::default()))
    };
    let mut trainer = steep(settings.clone());
    let before = trainer.net().weights();
    let says = trainer.fit(&images, None).unwrap_err().to_string();
    assert!(says.contains("square") && says.contains("clip") && says.contains('`'), "{says}");
    assert_eq!(trainer.net().weights(), before);
    // clipped they are as any others
    steep(TrainConfig { clip: Clip::Norm(1.0), ..settings }).fit(&images, None).unwrap();
}

/// What a training that diverges has made does not take the place of what can be gone on with.
#[test]
fn what_is_not_finite_replaces_no_checkpoint() {
    let dev = Cpu::seed_from_u64(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let config = TrainConfig {
        optimizer: OptimizerConfig::Sgd(SgdConfig { lr: 1e38, ..SgdConfig::default() }),
        clip: Clip::Norm(1e10),
        average: None,
        groups: Groups::default(),
        ..config(1)
    };
    let trainer = Trainer::new(&dev, dev.build_module::<Net, f32>(), config).unwrap();
    trainer.save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let images = few(digits::train().unwrap(), 4);
    let frames: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.sample_normal_like(&(images.len(), Const, Const, Const));
    let loud = Weighted::new(1e12, CrossEntropy::default());
    let mut trainer = trainer.with_loss(loud);
    trainer.backward(Stimulus::constant(frames, 6), &Labels::constant(&[1, 2, 3, 4], 6)).unwrap();
    trainer.update().unwrap();
    let says = trainer.save(&path).unwrap_err().to_string();
    assert!(
        says.contains("no checkpoint is written") && says.contains("is not finite") && says.contains('`'),
        "{says}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), good);
}

type Model<E = f32> = NetModel<E, Cpu>;

fn few(images: Images, count: usize) -> Images {
    images.subset(&(0..count).collect::<Vec<_>>()).unwrap()
}

fn train_images() -> Images {
    few(digits::train().unwrap(), 96)
}

/// Settings that use all that chance and state there is.
fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs,
        batch_size: 20,
        accumulate: 2,
        seed: Seed(7),
        steps: 5,
        presentation: Presentation { pattern: "110".parse().unwrap(), shuffle: true, reaction_steps: 1, blank: 0.1 },
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 3e-3, ..Default::default() }),
        groups: Groups::new([Group::named("recurrence").lr(0.2)]),
        clip: Clip::Norm(0.5),
        schedule: Schedule::Cosine { steps: 12, floor: 0.1 },
        progress: false,
        ..Default::default()
    }
}

fn net(seed: u64) -> Model {
    let mut net = Cpu::seed_from_u64(seed).build_module::<Net, f32>();
    let dynamics = Dynamics { t_feedforward: 2.0, t_recurrence: 2.0, t_feedback: 2.0, ..Default::default() };
    *net.dynamics_mut() = dynamics;
    net
}

fn trainer(epochs: usize) -> Trainer<Model, f32, Cpu, (CrossEntropy, Weighted<Activity>)> {
    let loss = (CrossEntropy::default(), Weighted::new(0.01, Activity::default()));
    Trainer::new(&Cpu::default(), net(7), config(epochs)).unwrap().with_loss(loss)
}

/// The history without what a clock says.
fn timeless(trainer: &Trainer<Model, f32, Cpu, (CrossEntropy, Weighted<Activity>)>) -> dynvision::train::TrainingLog {
    let mut history = trainer.history().clone();
    history
        .epochs
        .iter_mut()
        .for_each(|epoch| (epoch.seconds, epoch.images_per_second, epoch.memory) = (0.0, None, None));
    history
}

#[test]
fn a_resumed_run_is_the_same_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let (images, held_out) = (train_images(), few(digits::test().unwrap(), 30));
    let mut whole = trainer(4);
    whole.fit(&images, Some(&held_out)).unwrap();
    let mut half = trainer(2);
    half.fit(&images, Some(&held_out)).unwrap();
    half.save(&path).unwrap();
    // other first weights, other dynamics: all that counts is in the file
    let loss = (CrossEntropy::default(), Weighted::new(0.01, Activity::default()));
    let other = Cpu::seed_from_u64(99).build_module::<Net, f32>();
    let mut resumed = Trainer::new(&Cpu::default(), other, config(4)).unwrap().with_loss(loss);
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.history(), half.history());
    resumed.fit(&images, Some(&held_out)).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(resumed.optimizer().state().unwrap(), whole.optimizer().state().unwrap());
    assert_eq!(timeless(&resumed), timeless(&whole));
    assert_ne!(half.net().weights(), whole.net().weights());
    // 96 images are 5 batches, which make 3 updates
    assert_eq!(whole.history().last().unwrap().updates, 12);
}

#[test]
fn chance_and_running_moments_resume_too() {
    let images = train_images();
    let start = |epochs| {
        let net = Cpu::seed_from_u64(1).build_module::<Chancy, f32>();
        // a device that has drawn other numbers before: runs draw from the seed
        let dev = Cpu::seed_from_u64(epochs as u64);
        Trainer::new(&dev, net, config(epochs)).unwrap()
    };
    let (mut whole, mut half, mut resumed) = (start(4), start(2), start(4));
    whole.fit(&images, None).unwrap();
    half.fit(&images, None).unwrap();
    resumed.restore(&half.checkpoint().unwrap()).unwrap();
    resumed.fit(&images, None).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    let moments = |trainer: &Trainer<ChancyModel<f32, Cpu>, f32, Cpu>| trainer.net().v1_norm.running_mean.as_vec();
    assert_ne!(moments(&whole), moments(&half));
    assert_ne!(moments(&half), [0.0; 4]);
    // recomputed answers draw the same
    let (dev, other_seed) = (Cpu::default(), TrainConfig { seed: Seed(77), ..config(4) });
    let mut again = start(4);
    again.net_mut().dynamics_mut().recompute_steps = 2;
    again.fit(&images, None).unwrap();
    // but add up gradients in another order, which Adam makes more of; other draws differ far more
    let mut other = Trainer::new(&dev, Cpu::seed_from_u64(1).build_module::<Chancy, f32>(), other_seed).unwrap();
    other.fit(&images, None).unwrap();
    let off = |trainer: &Trainer<ChancyModel<f32, Cpu>, f32, Cpu>| {
        let pairs = moments(trainer).into_iter().zip(moments(&whole));
        pairs.map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f32::max)
    };
    assert!(off(&again) < 5e-4 && off(&other) > 5e-3, "{} {}", off(&again), off(&other));
}

#[test]
fn one_seed_determines_the_run() {
    let run = |seed: u64| {
        let config = TrainConfig { seed: Seed(seed), ..config(2) };
        let dev = Cpu::seed_from_u64(seed);
        let mut trainer = Trainer::new(&dev, dev.build_module::<Other, f32>(), config).unwrap();
        trainer.fit(&train_images(), None).unwrap();
        trainer.into_net().weights()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn the_loss_falls_and_metrics_say_so() {
    let config = TrainConfig {
        epochs: 12,
        optimizer: OptimizerConfig::Adam(AdamConfig { lr: 1e-2, ..Default::default() }),
        batch_size: 16,
        progress: false,
        ..Default::default()
    };
    let images = train_images();
    let mut trainer = Trainer::new(&Cpu::default(), net(1), config).unwrap();
    let before = trainer.evaluate(&images).unwrap();
    let mut seen = 0;
    trainer.fit_each(&images, None, |epoch| seen += epoch.train.images).unwrap();
    let after = trainer.evaluate(&images).unwrap();
    assert_eq!(seen, 12 * 96);
    assert!((before.loss - 10f64.ln()).abs() < 0.1, "{before:?}");
    let accuracy = after.accuracy.unwrap();
    assert!(after.loss < 0.75 * before.loss && accuracy > before.accuracy.unwrap() + 0.2, "{after:?}");
    // five of ten answers are right more often than one
    assert!(after.top5_accuracy.unwrap() > accuracy);
    // 4 steps and a lag of two areas; the readout has no signal before
    assert_eq!(after.in_time.len(), 6);
    let counted: f64 = after.in_time[2..].iter().sum::<f64>() / 4.0;
    assert!((counted - accuracy).abs() < 1e-12 && after.last_accuracy == Some(after.in_time[5]));
    let lines = trainer.history().to_csv().lines().count();
    assert_eq!(lines, 13);
}

/// Two batches of 16 whose gradients are averaged are one batch of 32.
#[test]
fn accumulated_batches_are_one() {
    let run = |batch_size, accumulate| {
        let config = TrainConfig {
            epochs: 2,
            batch_size,
            accumulate,
            optimizer: OptimizerConfig::Sgd(SgdConfig { lr: 0.1, ..Default::default() }),
            progress: false,
            ..Default::default()
        };
        let net = net(5).to_dtype::<f64>();
        let mut trainer = Trainer::new(&Cpu::default(), net, config).unwrap();
        trainer.fit(&few(train_images(), 80), None).unwrap();
        assert_eq!(trainer.history().last().unwrap().updates, 6);
        trainer.into_net()
    };
    let (a, b) = (run(32, 1), run(16, 2));
    for parameter in parameters(&a) {
        let values = |net: &Model<f64>| net.weights().get::<f64>(&parameter.name, &parameter.shape).unwrap();
        let far = values(&a).iter().zip(values(&b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 1e-12, "{}: {far}", parameter.name);
    }
}

/// A loop of one's own over films: a frame for each step, and labels that change.
#[test]
fn films_are_trained_on_step_by_step() {
    let dev = Cpu::seed_from_u64(2);
    let optimizer = OptimizerConfig::Adam(AdamConfig { lr: 1e-2, ..Default::default() });
    let config = TrainConfig { optimizer, schedule: Schedule::Constant, ..config(1) };
    let mut trainer = Trainer::new(&dev, dev.build_module::<Net, f32>(), config).unwrap();
    let frames: Vec<Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _>> =
        (0..4).map(|_| dev.sample_normal_like(&(3, Const, Const, Const))).collect();
    let classes = [0, 1, 1, 2, 5, 5, 6, 6, 9, 9, 9, 9].map(Some).to_vec();
    let labels = Labels::new(3, 4, classes).unwrap();
    let mut losses = Vec::new();
    for _ in 0..20 {
        losses.push(trainer.backward(Stimulus::frames(frames.clone(), dfdx::prelude::NoneTape), &labels).unwrap());
        assert!(trainer.update().unwrap() > 0.0);
    }
    assert!(losses[19] < losses[0] - 0.3, "{losses:?}");
}

#[test]
fn frozen_parameters_stay_and_early_stopping_stops() {
    let config = TrainConfig {
        epochs: 50,
        groups: Groups::new([Group::named("*").frozen(), Group::named("classifier").trained()]),
        optimizer: OptimizerConfig::Sgd(SgdConfig { lr: 0.0, ..Default::default() }),
        early_stopping: Some(EarlyStopping { patience: 2, ..Default::default() }),
        ..config(1)
    };
    let images = few(train_images(), 40);
    let mut still = Trainer::new(&Cpu::default(), net(1), config.clone()).unwrap();
    still.fit(&images, Some(&images)).unwrap();
    // the first epoch is progress, and two are not
    assert_eq!(still.history().epochs.len(), 3);
    let moving = TrainConfig { optimizer: OptimizerConfig::default(), early_stopping: None, epochs: 1, ..config };
    let mut trainer = Trainer::new(&Cpu::default(), net(1), moving).unwrap();
    trainer.fit(&images, None).unwrap();
    let (before, after) = (net(1).weights(), trainer.net().weights());
    for parameter in parameters(trainer.net()) {
        let values = |state: &StateDict| state.get::<f32>(&parameter.name, &parameter.shape).unwrap();
        assert_eq!(values(&before) != values(&after), parameter.name.starts_with("classifier"), "{}", parameter.name);
    }
}

#[test]
fn what_is_not_finite_is_named() {
    // what the data holds is not blamed on the learning rate
    let dev = Cpu::default();
    let frame: Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, _> =
        dev.zeros_like(&(1, Const, Const, Const)) + f32::NAN;
    let stimulus = Stimulus::constant(frame, 4);
    let says = trainer(1).backward(stimulus, &Labels::constant(&[3], 4)).unwrap_err().to_string();
    assert!(says.contains("the frame at step 0") && !says.contains("learning rate"), "{says}");
    let images = few(train_images(), 40);
    // no file brings such a weight in, so it is put there by hand
    let mut spoiled = trainer(1);
    let weight = &mut spoiled.net_mut().v2.recurrence.weight;
    let mut values = weight.as_vec();
    values[1] = f32::NAN;
    weight.copy_from(&values);
    let says = spoiled.fit(&images, None).unwrap_err().to_string();
    assert!(says.contains("epoch 1, batch 1") && says.contains("`v2.recurrence.weight`"), "{says}");
    // weights that are finite, and answers that are not
    let wild =
        TrainConfig { optimizer: OptimizerConfig::Sgd(SgdConfig { lr: 1e30, ..Default::default() }), ..config(3) };
    let wild = TrainConfig { clip: Clip::Norm(f64::INFINITY), groups: Groups::default(), ..wild };
    let mut trainer = Trainer::new(&Cpu::default(), net(1), wild).unwrap();
    let error = trainer.fit(&images, None).unwrap_err();
    assert!(matches!(&error, TrainError::Batch { epoch: 1 | 2, .. }), "{error}");
    let says = error.to_string();
    assert!(
        says.contains("is not finite") && ["area `v", "parameter `"].iter().any(|part| says.contains(part)),
        "{says}"
    );
}

#[test]
fn mistakes_of_a_training_are_named() {
    let dev = Cpu::default();
    let unknown = TrainConfig { groups: Groups::new([Group::named("v9")]), ..config(1) };
    let says = Trainer::new(&dev, net(1), unknown).unwrap_err().to_string();
    assert!(says.contains("`v9`") && says.contains("v1.conv.weight"), "{says}");
    let mut off = net(1);
    off.dynamics_mut().t_recurrence = 3.0;
    assert!(Trainer::new(&dev, off, config(1)).unwrap_err().to_string().contains("no multiple of dt"));
    let classes = (0..12).map(|class| class.to_string()).collect();
    let shape = dynvision::geometry::Map::new(1, 8, 8);
    let images = Images::new("twelve", vec![9; 128], shape, vec![11, 0], classes).unwrap();
    let says = trainer(1).fit(&images, None).unwrap_err().to_string();
    assert!(says.contains("number of classes") && says.contains("12"), "{says}");
    // held-out images are looked at before the first batch
    let says = trainer(1).fit(&train_images(), Some(&images)).unwrap_err().to_string();
    assert!(says.contains("number of classes") && says.contains("12"), "{says}");
    let loss = Activity { areas: vec!["v9".into()], ..Default::default() };
    let mut of_v9 = Trainer::new(&dev, net(1), config(1)).unwrap().with_loss(loss);
    let says = of_v9.fit(&train_images(), None).unwrap_err().to_string();
    assert!(says.contains("the loss names area `v9`"), "{says}");
    let small = Images::new("small", vec![0; 9], dynvision::geometry::Map::new(1, 3, 3), vec![0], vec!["a".into()]);
    assert!(trainer(1).fit(&small.unwrap(), None).unwrap_err().to_string().contains("1x3x3"));
}

#[test]
fn checkpoints_are_written_where_the_settings_say() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("runs").join("a");
    let checkpoints = Some(Checkpoints { every: 2, best: true, ..Checkpoints::to(&run) });
    let images = few(train_images(), 40);
    let mut trainer = Trainer::new(&Cpu::default(), net(7), TrainConfig { checkpoints, ..config(3) }).unwrap();
    trainer.fit(&images, Some(&images)).unwrap();
    let last = Checkpoint::read(run.join("last.safetensors")).unwrap();
    assert_eq!((last.about.history.epochs.len(), &last.model), (3, &trainer.net().weights()));
    let best = Checkpoint::read(run.join("best.safetensors")).unwrap();
    assert_eq!(best.about.history.last().unwrap().epoch, trainer.history().best().unwrap().epoch);
    // only the weights, for use
    let mut used = Cpu::default().build_module::<Net, f32>();
    last.load_into(&mut used).unwrap();
    assert_eq!((used.weights(), used.dynamics()), (trainer.net().weights(), trainer.net().dynamics()));
    let says = last.load_into(&mut Cpu::default().build_module::<Other, f32>()).unwrap_err().to_string();
    assert!(says.contains("`Net`") && says.contains("`Other`"), "{says}");
}

#[test]
fn loading_is_strict_and_leaves_the_trainer_as_it_was() {
    let images = few(train_images(), 40);
    let mut trained = trainer(1);
    trained.fit(&images, None).unwrap();
    let good = trained.checkpoint().unwrap();
    let mut fresh = trainer(2);
    let before = (fresh.net().weights(), fresh.optimizer().state().unwrap());
    let mut refuse = |saved: &Checkpoint, parts: &[&str]| {
        let says = fresh.restore(saved).unwrap_err().to_string();
        assert!(parts.iter().all(|part| says.contains(part)), "{says}");
        assert_eq!((fresh.net().weights(), fresh.optimizer().state().unwrap()), before);
    };
    // all differences at once, of the model and of the optimizer
    let mut bad = good.clone();
    let mut model = StateDict::default();
    for parameter in parameters(trained.net()).iter().filter(|p| p.name != "v1.conv.bias") {
        let values: Vec<f32> = good.model.get(&parameter.name, &parameter.shape).unwrap();
        model.insert(parameter.name.clone(), &parameter.shape, &values);
    }
    model.insert("v2.conv.bias", &[1], &[0.0f32]);
    model.insert("v3.conv.bias", &[1], &[0.0f32]);
    bad.model = model;
    bad.optimizer.insert("v1.conv.bias.exp_avg", &[2], &[0.0f32; 2]);
    refuse(
        &bad,
        &["no `v1.conv.bias`", "`v2.conv.bias` is F32 [1], expected F32 [6]", "has `v3.conv.bias`", "exp_avg"],
    );
    let mut bad = good.clone();
    bad.optimizer = StateDict::default();
    refuse(&bad, &["rule"]);
    let mut bad = good.clone();
    bad.about.config.batch_size = 21;
    bad.about.config.optimizer = OptimizerConfig::Sgd(SgdConfig::default());
    refuse(&bad, &["`batch_size` (21, here 20)", "`optimizer`"]);
    let mut bad = good.clone();
    bad.about.wiring[1] = "v2: something else".into();
    refuse(&bad, &["something else", "v2: RConv2d"]);
    fresh.restore(&good).unwrap();
    assert_eq!(fresh.net().weights(), trained.net().weights());
}

#[test]
fn files_that_are_no_checkpoints_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut trainer = trainer(1);
    let mut refuse = |part: &str| {
        let says = trainer.resume(&path).unwrap_err().to_string();
        assert!(says.contains("checkpoint.safetensors") && says.contains(part), "{says}");
    };
    refuse("cannot read");
    std::fs::write(&path, "not even this").unwrap();
    refuse("no sound safetensors");
    net(1).save_weights(&path).unwrap();
    refuse("load_weights");
    let whole = checkpoint_bytes(folder.path());
    for cut in (0..whole.len()).step_by(whole.len() / 40) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        refuse("no sound safetensors");
    }
    std::fs::write(&path, &whole).unwrap();
    let mut newer = dynvision::interop::read(&path).unwrap();
    newer.set("format", "dynvision checkpoint 9");
    dynvision::interop::write(&path, &newer).unwrap();
    refuse("checkpoint 9");
    std::fs::write(&path, &whole).unwrap();
    trainer.resume(&path).unwrap();
}

/// The names of the checkpoints in a folder, in order.
fn checkpoint_names(folder: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = files.filter_map(|name| name.strip_suffix(".safetensors").map(Into::into)).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_best_epochs_are_kept_by_the_metric_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let to = Checkpoints { every: 100, best: true, keep_best: 2, keep_every: Some(2), ..Checkpoints::to(run) };
    let of = |epochs, metric: &str| TrainConfig {
        monitor: Monitor::of(metric, MonitorMode::Max),
        checkpoints: Some(to.clone()),
        ..config(epochs)
    };
    let images = few(train_images(), 40);
    // the loss as a metric that is better when greater: its best epochs are not those of an ordinary run
    let config = of(5, "valid_loss");
    let mut whole = Trainer::new(&Cpu::default(), net(7), TrainConfig { checkpoints: None, ..config.clone() }).unwrap();
    whole.fit(&images, Some(&images)).unwrap();
    let mut losses: Vec<(f64, usize)> =
        whole.history().epochs.iter().map(|epoch| (epoch.valid.as_ref().unwrap().loss, epoch.epoch)).collect();
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = [losses[0].1, losses[1].1];
    best.sort_unstable();
    // a run that is broken off and resumed keeps the same
    let mut half = Trainer::new(&Cpu::default(), net(7), of(3, "valid_loss")).unwrap();
    half.fit(&images, Some(&images)).unwrap();
    let mut trainer = Trainer::new(&Cpu::default(), net(7), config).unwrap();
    trainer.resume(run.join("last.safetensors")).unwrap();
    trainer.fit(&images, Some(&images)).unwrap();
    let names = best.map(|epoch| format!("best-{epoch:04}"));
    let expected = ["best", &names[0], &names[1], "epoch-0002", "epoch-0004", "last"];
    assert_eq!(checkpoint_names(run), expected);
    let epoch_of = |name: &str| Checkpoint::read(run.join(name)).unwrap().about.history.last().unwrap().epoch;
    assert_eq!(epoch_of("best.safetensors"), losses[0].1);
    assert_eq!(best.map(|epoch| epoch_of(&format!("best-{epoch:04}.safetensors"))), best);
    assert_eq!((epoch_of("epoch-0002.safetensors"), epoch_of("last.safetensors")), (2, 5));
    // the index has the values in full
    let index = std::fs::read_to_string(run.join("best.csv")).unwrap();
    let rows: Vec<Vec<&str>> = index.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["epoch", "metric", "value", "file"]);
    for (row, epoch) in rows[1..].iter().zip(best) {
        assert_eq!((row[0], row[1]), (epoch.to_string().as_str(), "valid_loss"));
        assert_eq!(row[2].parse(), Ok(losses.iter().find(|loss| loss.1 == epoch).unwrap().0));
        assert!(run.join(row[3]).is_file());
    }
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_metric_that_there_is_not_is_named() {
    let of = |metric: &str| {
        let config = TrainConfig { monitor: Monitor::of(metric, MonitorMode::Max), ..config(2) };
        Trainer::new(&Cpu::default(), net(7), config).map(|mut trainer| {
            trainer.fit(&few(train_images(), 40), None).map(|history| history.epochs.len()).map_err(|e| e.to_string())
        })
    };
    assert!(of("accuracy").is_err());
    let says = of("valid_accuracy").unwrap().unwrap_err();
    assert!(says.contains("valid_accuracy") && says.contains("no held-out images"), "{says}");
    let says = of("train_acuracy").unwrap().unwrap_err();
    assert!(says.contains("train_acuracy") && says.contains("a column of the log"), "{says}");
    assert_eq!(of("train_accuracy").unwrap(), Ok(2));
}

#[test]
fn a_rate_on_a_plateau_falls_and_resumes() {
    // no accuracy is 2, so none is better than the first
    let plateau = Plateau { factor: 0.5, patience: 0, threshold: 0.99, ..Default::default() };
    let start = |epochs| {
        let schedule = Schedule::Plateau(plateau);
        let config =
            TrainConfig { schedule, monitor: Monitor::of("train_confidence", MonitorMode::Max), ..config(epochs) };
        Trainer::new(&Cpu::default(), net(1), config).unwrap()
    };
    let images = few(train_images(), 80);
    let rates = |trainer: &Trainer<Model, f32, Cpu>| {
        trainer.history().epochs.iter().map(|epoch| epoch.lr / 3e-3).collect::<Vec<_>>()
    };
    let (mut whole, mut half, mut resumed) = (start(4), start(2), start(4));
    whole.fit(&images, None).unwrap();
    assert_eq!(rates(&whole), [1.0, 1.0, 0.5, 0.25]);
    half.fit(&images, None).unwrap();
    resumed.restore(&half.checkpoint().unwrap()).unwrap();
    resumed.fit(&images, None).unwrap();
    assert_eq!(rates(&resumed), rates(&whole));
    assert_eq!(resumed.net().weights(), whole.net().weights());
    // another metric would be another run
    let schedule = Schedule::Plateau(plateau);
    let mut other = Trainer::new(&Cpu::default(), net(1), TrainConfig { schedule, ..config(4) }).unwrap();
    assert!(other.restore(&half.checkpoint().unwrap()).unwrap_err().to_string().contains("`monitor`"));
}

#[test]
fn the_rate_grows_with_the_batch_only_when_it_is_asked_for() {
    let lr = |lr_scaling| {
        // 2 batches of 128 make an update: 4 times 64 images
        let config = TrainConfig { lr_scaling, batch_size: 128, ..config(1) };
        let mut trainer = Trainer::new(&Cpu::default(), net(1), config).unwrap();
        let schedule = trainer.config().schedule.clone();
        trainer.fit(&few(train_images(), 40), None).unwrap();
        let rate = schedule.lr(trainer.lr(), 0);
        assert_eq!(trainer.history().epochs[0].lr, rate);
        trainer.lr() / 3e-3
    };
    assert_eq!([LrScaling::None, LrScaling::Linear, LrScaling::Sqrt, LrScaling::Legacy].map(lr), [1.0, 4.0, 2.0, 2.0]);
    assert_eq!(TrainConfig::default().lr_scaling, LrScaling::None);
}

fn checkpoint_bytes(folder: &std::path::Path) -> Vec<u8> {
    let path = folder.join("whole.safetensors");
    trainer(1).save(&path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn the_schedule_counts_what_it_is_told_to() {
    let lr = |schedule_by| {
        let schedule = Schedule::Step { every: 2, factor: 0.5 };
        let config = TrainConfig { schedule, schedule_by, epochs: 4, ..config(4) };
        let mut trainer = Trainer::new(&Cpu::default(), net(1), config).unwrap();
        // two updates in each epoch
        trainer.fit(&few(train_images(), 80), None).unwrap();
        trainer.history().epochs.iter().map(|epoch| epoch.lr / 3e-3).collect::<Vec<_>>()
    };
    assert_eq!(lr(Interval::Epoch), [1.0, 1.0, 0.5, 0.5]);
    assert_eq!(lr(Interval::Update), [1.0, 0.5, 0.25, 0.125]);
}

fn plain(config: TrainConfig) -> Trainer<Model<f64>, f64, Cpu> {
    Trainer::new(&Cpu::default(), net(5).to_dtype::<f64>(), config).unwrap()
}

fn sgd(lr: f64) -> TrainConfig {
    let optimizer = OptimizerConfig::Sgd(SgdConfig { lr, ..Default::default() });
    TrainConfig { optimizer, clip: Clip::Norm(f64::INFINITY), progress: false, ..Default::default() }
}

type Frames = Stimulus<(usize, Const<1>, Const<8>, Const<8>), f64, Cpu>;

fn random(dev: &Cpu, images: usize) -> Frames {
    Stimulus::constant(dev.sample_normal_like(&(images, Const, Const, Const)), 4)
}

/// Parts of one update weigh what they count: 16 images and 1 are 17, and a part of which no label counts is nothing.
#[test]
fn parts_weigh_what_they_count() {
    let images = few(train_images(), 17);
    let run = |batch_size, accumulate| {
        let mut trainer = plain(TrainConfig { epochs: 1, batch_size, accumulate, ..sgd(0.1) });
        trainer.fit(&images, None).unwrap();
        assert_eq!(trainer.history().last().unwrap().updates, 1);
        trainer.into_net()
    };
    let (whole, parts) = (run(17, 1), run(16, 2));
    for parameter in parameters(&whole) {
        let values = |net: &Model<f64>| net.weights().get::<f64>(&parameter.name, &parameter.shape).unwrap();
        let far = values(&whole).iter().zip(values(&parts)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 1e-15, "{}: {far}", parameter.name);
    }
}

#[test]
fn an_evaluation_weighs_batches_by_labels_that_count() {
    let presentation = Presentation { pattern: "1010".parse().unwrap(), shuffle: true, reaction_steps: 1, blank: 0.0 };
    let config = TrainConfig { batch_size: 16, steps: 4, presentation, ..sgd(0.1) };
    let mut trainer = Trainer::new(&Cpu::default(), net(1), config).unwrap();
    // without weights all classes are as likely
    let mut weights = trainer.net().weights();
    for parameter in parameters(trainer.net()).iter().filter(|p| p.name.starts_with("classifier")) {
        weights.insert(parameter.name.clone(), &parameter.shape, &vec![0.0f32; parameter.shape.iter().product()]);
    }
    trainer.net_mut().set_weights(&weights).unwrap();
    let images = few(digits::train().unwrap(), 160);
    let loss = trainer.evaluate(&images).unwrap().loss;
    assert!((loss - 10f64.ln()).abs() < 1e-6, "{loss}");
    let none = trainer.evaluate(&few(images, 0)).unwrap_err();
    assert!(matches!(none, TrainError::NothingCounts { images: 0 }), "{none}");
}

#[test]
fn nothing_is_held_out_of_too_few() {
    let images = few(train_images(), 40);
    // sizes are rounded down, as the original's
    for fraction in [0.0, 0.01, 0.02, 1.0] {
        let says = images.split(fraction, Seed(0)).unwrap_err().to_string();
        assert!(says.contains("40 images"), "{says}");
    }
    assert_eq!(images.split(0.03, Seed(0)).map(|(a, b)| (a.len(), b.len())).unwrap(), (1, 39));
    assert_eq!(images.split(0.99, Seed(0)).map(|(a, b)| (a.len(), b.len())).unwrap(), (39, 1));
}

#[test]
fn a_loop_of_ones_own_follows_the_schedule() {
    let schedule = Schedule::Step { every: 1, factor: 0.1 };
    let mut trainer = plain(TrainConfig { schedule, ..sgd(1.0) });
    let (dev, labels) = (Cpu::seed_from_u64(3), Labels::constant(&[1, 2], 4));
    let mut rates = Vec::new();
    for _ in 0..4 {
        trainer.backward(random(&dev, 2), &labels).unwrap();
        trainer.update().unwrap();
        rates.push(trainer.optimizer().lr());
    }
    for (rate, expected) in rates.iter().zip([1.0, 0.1, 0.01, 0.001]) {
        assert!((rate / expected - 1.0f64).abs() < 1e-12, "{rates:?}");
    }
    trainer.set_lr(5.0).unwrap();
    assert!(trainer.set_lr(f64::NAN).is_err());
    trainer.backward(random(&dev, 2), &labels).unwrap();
    trainer.update().unwrap();
    assert!((trainer.optimizer().lr() / 5e-4 - 1.0).abs() < 1e-12);
    // nothing to follow: nothing happens
    let before = trainer.net().weights();
    assert_eq!(trainer.update().unwrap(), 0.0);
    assert_eq!(trainer.net().weights(), before);
}

#[test]
fn a_refused_batch_leaves_everything_as_it_was() {
    let labels = Labels::constant(&[1, 2], 4);
    let run = |refuse: bool| {
        let dev = Cpu::seed_from_u64(3);
        let mut trainer = plain(sgd(1.0));
        let (first, second) = (random(&dev, 2), random(&dev, 2));
        trainer.backward(first, &labels).unwrap();
        if refuse {
            let bad: Tensor<(usize, Const<1>, Const<8>, Const<8>), f64, _> = dev.zeros_like(&(2, Const, Const, Const));
            let bad = Stimulus::constant(bad + f64::NAN, 4);
            assert!(matches!(trainer.backward(bad, &labels), Err(TrainError::NotFinite { .. })));
            let empty = trainer.backward(random(&dev, 0), &Labels::constant(&[], 4));
            assert!(matches!(empty, Err(TrainError::EmptyBatch)));
            assert!(trainer.backward(random(&dev, 2), &Labels::constant(&[1], 4)).is_err());
        }
        trainer.backward(second, &labels).unwrap();
        trainer.update().unwrap();
        trainer.into_net().weights()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_resume_compares_all_that_makes_the_run() {
    let images = few(train_images(), 40);
    let mut trained = plain(TrainConfig { epochs: 1, seed: Seed(1 << 63), ..sgd(0.01) });
    trained.fit(&images, None).unwrap();
    let saved = trained.checkpoint().unwrap();
    let refuse = |config: TrainConfig, parts: &[&str]| {
        let says = plain(config).restore(&saved).unwrap_err().to_string();
        assert!(parts.iter().all(|part| says.contains(part)), "{says}");
    };
    let same = TrainConfig { epochs: 2, seed: Seed(1 << 63), ..sgd(0.01) };
    let other = TrainConfig { seed: Seed(u64::MAX), batch_size: 3, steps: 5, ..same.clone() };
    refuse(other, &["`seed`", "18446744073709551615", "9223372036854775808", "`batch_size`", "`steps`"]);
    // a rule that is not the one of the settings
    let rule = SgdConfig { lr: 0.5, ..Default::default() };
    let other = Trainer::with_rule(&Cpu::default(), net(5).to_dtype::<f64>(), same.clone(), rule);
    let says = other.unwrap().restore(&saved).unwrap_err().to_string();
    assert!(says.contains("`rule`") && says.contains("0.5") && says.contains("0.01"), "{says}");
    let loss = Weighted::new(5.0, CrossEntropy::default());
    let says = plain(same.clone()).with_loss(loss).restore(&saved).unwrap_err().to_string();
    assert!(says.contains("`loss`") && says.contains("5 *"), "{says}");
    let mut resumed = plain(same);
    resumed.restore(&saved).unwrap();
    let says = resumed.fit(&few(images.clone(), 32), None).unwrap_err().to_string();
    assert!(says.contains("40 images") && says.contains("32 images"), "{says}");
    resumed.fit(&images, None).unwrap();
    assert_eq!(resumed.history().epochs.len(), 2);
}

/// What is written can be read, of 3000 epochs of 1000 steps too: readers limit the head of a file.
#[test]
fn a_long_history_can_be_read_again() {
    let images = few(train_images(), 20);
    let mut trained = plain(TrainConfig { epochs: 1, ..sgd(0.01) });
    trained.fit(&images, None).unwrap();
    let mut saved = trained.checkpoint().unwrap();
    let mut epoch = saved.about.history.epochs[0].clone();
    epoch.train.in_time = (0..1000).map(|step| f64::from(step) / 3.0).collect();
    epoch.valid = Some(epoch.train.clone());
    saved.about.history.epochs = vec![epoch; 3000];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    saved.write(&path).unwrap();
    assert!(Checkpoint::read(&path).unwrap() == saved);
}

/// A checkpoint within an epoch goes on bit by bit, whatever was accumulated.
#[test]
fn a_broken_off_epoch_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let images = train_images();
    let mut whole = trainer(2);
    whole.fit(&images, None).unwrap();
    // 96 images are 5 batches; the first update from the third batch on is after the fourth
    let to = Checkpoints { every_batches: Some(3), every: 100, ..Checkpoints::to(folder.path()) };
    let loss = || (CrossEntropy::default(), Weighted::new(0.01, Activity::default()));
    let config = TrainConfig { checkpoints: Some(to), ..config(2) };
    let mut half = Trainer::new(&Cpu::default(), net(7), config.clone()).unwrap().with_loss(loss());
    // the copy is of before the last epoch's end, which overwrites it
    let last = folder.path().join("last.safetensors");
    let copy = folder.path().join("copy.safetensors");
    half.fit_each(&images, None, |_| {
        if !copy.exists() {
            std::fs::copy(&last, &copy).unwrap();
        }
    })
    .unwrap();
    let saved = Checkpoint::read(&copy).unwrap();
    assert_eq!((saved.about.partial.as_ref().unwrap().batches, saved.about.history.epochs.len()), (4, 0));
    let mut resumed = Trainer::new(&Cpu::default(), net(99), config).unwrap().with_loss(loss());
    resumed.restore(&saved).unwrap();
    resumed.fit(&images, None).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_eq!(timeless(&resumed), timeless(&whole));
}

#[test]
fn a_folder_is_tried_before_the_first_batch_and_is_one_trainings_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let images = few(train_images(), 20);
    let to = |path: &std::path::Path| {
        let config = TrainConfig { epochs: 2, checkpoints: Some(Checkpoints::to(path)), ..sgd(0.01) };
        plain(config)
    };
    let mut cannot = to(&folder.path().join("file").join("run"));
    let error = cannot.fit(&images, None).unwrap_err();
    assert!(matches!(error, TrainError::Folder { .. }), "{error}");
    assert_eq!(cannot.checkpoint().unwrap().about.batches, 0);
    let run = folder.path().join("run");
    let mut first = to(&run);
    first
        .fit_each(&images, None, |_| {
            let error = to(&run).fit(&images, None).unwrap_err();
            assert!(matches!(error, TrainError::FolderInUse { .. }), "{error}");
        })
        .unwrap();
    // free again
    to(&run).fit(&images, None).unwrap();
}

/// Whoever wants a thing never, or all of something, writes the greatest number, which TOML has none for: what is written can be
/// read and resumed.
#[test]
fn the_greatest_numbers_are_written_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let images = few(train_images(), 40);
    let to = Checkpoints {
        every: usize::MAX,
        every_batches: Some(usize::MAX),
        keep_best: usize::MAX,
        keep_every: Some(usize::MAX),
        best: true,
        ..Checkpoints::to(folder.path())
    };
    let config = TrainConfig {
        epochs: usize::MAX,
        batch_size: usize::MAX,
        accumulate: usize::MAX,
        evaluate_every: usize::MAX,
        schedule: Schedule::MultiStep { at: vec![1, u64::MAX], factor: 0.5 },
        early_stopping: Some(EarlyStopping { patience: usize::MAX, ..Default::default() }),
        logs: dynvision::train::Logs { every: u64::MAX, tensorboard: false },
        checkpoints: Some(to),
        ..sgd(0.1)
    };
    let stop = || EarlyStopping { patience: 1, min_delta: 1e9, ..Default::default() };
    let mut trained = plain(TrainConfig { early_stopping: Some(stop()), ..config.clone() });
    trained.fit(&images, None).unwrap();
    assert_eq!(trained.history().epochs.len(), 2);
    let saved = Checkpoint::read(folder.path().join("last.safetensors")).unwrap();
    plain(config.clone()).restore(&saved).unwrap();
    for schedule in [
        Schedule::Step { every: u64::MAX, factor: 0.5 },
        Schedule::Linear { start: 1.0, end: 0.5, steps: u64::MAX },
        Schedule::Cosine { steps: u64::MAX, floor: 0.0 },
        Schedule::CosineAnnealing { steps: u64::MAX, floor: 0.0 },
        Schedule::WarmRestarts { first: u64::MAX, multiply: u64::MAX, floor: 0.0 },
        Schedule::WarmupCosine { warmup: u64::MAX - 1, steps: u64::MAX, start: None, floor: 0.0 },
        Schedule::OneCycle { steps: u64::MAX, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        Schedule::Plateau(Plateau { patience: u64::MAX, cooldown: u64::MAX, ..Default::default() }),
    ] {
        let config = TrainConfig { schedule, ..config.clone() };
        let trainer = plain(config.clone());
        let path = folder.path().join("of.safetensors");
        trainer.save(&path).unwrap();
        plain(config).resume(&path).unwrap();
    }
}

/// A loss that is a sum is one in parts, too: 16 images and 1 are 17, and an evaluation does not depend on the batch size.
#[test]
fn sums_add_up_over_parts() {
    let images = few(train_images(), 17);
    let run = |batch_size, accumulate| {
        let sum = CrossEntropy { reduction: dynvision::loss::Reduction::Sum, ..Default::default() };
        let config = TrainConfig { epochs: 1, batch_size, accumulate, clip: Clip::Norm(f64::INFINITY), ..sgd(0.01) };
        let mut trainer = plain(config).with_loss(Weighted::new(0.5, sum));
        let loss = trainer.evaluate(&images).unwrap().loss;
        trainer.fit(&images, None).unwrap();
        (loss, trainer.history().last().unwrap().train.loss, trainer.into_net())
    };
    let (whole, parts) = (run(17, 1), run(16, 2));
    let mean = plain(sgd(0.01)).evaluate(&images).unwrap().loss;
    assert!((whole.0 - 0.5 * mean * 17.0 * 4.0).abs() < 1e-9, "{} {mean}", whole.0);
    assert!((whole.0 - parts.0).abs() < 1e-12 * whole.0 && (whole.1 - parts.1).abs() < 1e-12 * whole.1);
    for parameter in parameters(&whole.2) {
        let values = |net: &Model<f64>| net.weights().get::<f64>(&parameter.name, &parameter.shape).unwrap();
        let far = values(&whole.2).iter().zip(values(&parts.2)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 1e-13, "{}: {far}", parameter.name);
    }
}

/// Metrics of other held-out images are no history of one training: the best epoch, an early end and a plateau compare them.
#[test]
fn a_rate_that_is_none_in_a_checkpoint_changes_nothing() {
    let mut saved = plain(sgd(0.01)).checkpoint().unwrap();
    saved.about.lr = f64::NAN;
    let mut trainer = plain(sgd(0.01));
    trainer.backward(random(&Cpu::seed_from_u64(1), 2), &Labels::constant(&[1, 2], 4)).unwrap();
    assert!(trainer.restore(&saved).is_err());
    assert_eq!(trainer.lr(), 0.01);
    assert!(trainer.update().unwrap() > 0.0, "the gradient is still there");
}
