//! Training under a protocol.

use super::*;
use dfdx::prelude::NoneTape;
use dynvision::data::{Order, Transform, Transforms};
use dynvision::geometry::Map;
use dynvision::protocol::{Duration, Mask, Masks, Noise, NoiseKind, Protocol, Ssnr};
use dynvision::train::{Drawn, Pass, Presented, Source, residual_steps};

fn steps(n: usize) -> Duration {
    Duration::Steps(n)
}

/// The settings of a plain presentation: what is drawn is the order of the images alone.
fn plain(epochs: usize, steps: usize) -> TrainConfig {
    TrainConfig { steps, presentation: Presentation::default(), accumulate: 1, ..config(epochs) }
}

#[test]
fn a_constant_image_trains_as_it_does_without_a_protocol() {
    let (images, held_out) = (train_images(), few(digits::test().unwrap(), 30));
    let loss = || (CrossEntropy::default(), Weighted::new(0.01, Activity::default()));
    let trained = |config| Trainer::new(&Cpu::default(), net(7), config).unwrap().with_loss(loss());
    let mut without = trained(plain(2, 5));
    without.fit(&images, Some(&held_out)).unwrap();
    let protocol = || Protocol::repetition(steps(5)).unwrap();
    // the steps of the settings give way
    let mut with = trained(plain(2, 99));
    let shown = |images| Presented::of(images, protocol(), 2.0).unwrap();
    with.fit(&shown(images), Some(&shown(held_out))).unwrap();
    assert_eq!(with.net().weights(), without.net().weights());
    assert_eq!(timeless(&with), timeless(&without));
}

#[test]
fn labels_count_where_the_protocol_says_as_late_as_the_readout_answers() {
    let images = train_images();
    let labels: Vec<usize> = images.labels().iter().map(|&label| label.into()).collect();
    let flash = Protocol::duration(steps(6), steps(2), steps(3)).unwrap();
    let set = Presented::of(images.clone(), flash, 2.0).unwrap();
    let (lag, len) = (residual_steps(&net(7), &Cpu::default()).unwrap(), images.len());
    assert!(lag > 0);
    let drawn = Drawn { indices: vec![3, 5], labels: vec![labels[3], labels[5]] };
    let counted = [vec![false; lag], vec![true; 6]].concat();
    let target = set.target(&drawn, &counted).unwrap();
    assert_eq!(target.time(), lag + 6);
    for (sample, index) in [3, 5].into_iter().enumerate() {
        for step in 0..lag + 6 {
            let shown = (lag + 2..lag + 5).contains(&step);
            assert_eq!(target.get(sample, step), shown.then(|| labels[index]), "step {step}");
        }
    }
    // of a stream the one that is asked for counts, around the end of the set
    let stream = Presented::of(images, Protocol::rsvp(steps(2), 3, 1).unwrap(), 2.0).unwrap();
    let last = Drawn { indices: vec![len - 1], labels: vec![labels[len - 1]] };
    let target = stream.target(&last, &[true; 6]).unwrap();
    let protocol = Protocol::rsvp(steps(2), 3, 1).unwrap();
    let expected = protocol.timeline(2.0).unwrap().labels(-1, |ahead| labels[(len - 1 + ahead) % len] as i64);
    let found: Vec<i64> = (0..6).map(|step| target.get(0, step).map_or(-1, |label| label as i64)).collect();
    assert_eq!(found, expected);
    assert!(found.iter().any(|&label| label >= 0) && found.contains(&-1), "{found:?}");
}

#[test]
fn frames_that_several_steps_show_are_one() {
    let flash = Protocol::duration(steps(6), steps(2), steps(3)).unwrap();
    let set = Presented::of(train_images(), flash, 2.0).unwrap();
    let pass = Pass { order: Order::Sequential, seed: Seed(7), epoch: 0, batch_size: 4, first: 0, all: false };
    let mut batches = set.batches::<Const<1>, Const<8>, Const<8>, f32, _>(&Cpu::default(), &pass).unwrap();
    let (film, _) = batches.batches.next().unwrap().unwrap();
    let each: Vec<_> = film.iter().map(|frame| frame.as_vec()).collect();
    let shared = Stimulus::frames(film, NoneTape);
    assert_eq!(shared.steps(), 6);
    // the same as copies that are tensors of their own, step by step
    let dev = Cpu::default();
    let own = each.iter().map(|values| dev.tensor_from_vec(values.clone(), (4, Const, Const, Const)));
    let own = Stimulus::frames(own.collect(), NoneTape);
    let distinct: std::collections::BTreeSet<_> =
        (0..6).map(|step| format!("{:p}", shared.frame(step).unwrap())).collect();
    assert_eq!(distinct.len(), 2, "a blank and the image");
    for (step, values) in each.iter().enumerate() {
        assert_eq!(&shared.frame(step).unwrap().as_vec(), values);
    }
    let net = net(7);
    let (a, b) = (net.try_run(shared).unwrap().as_vec(), net.try_run(own).unwrap().as_vec());
    assert_eq!(a, b);
}

#[test]
fn noise_is_another_in_each_epoch_and_the_same_in_each_batching() {
    let noise = Noise::new(NoiseKind::Gaussian, Ssnr::new(0.5).unwrap());
    let noisy = Protocol::noise(steps(4), steps(1), steps(3), noise).unwrap();
    let set = Presented::of(train_images(), noisy, 2.0).unwrap();
    let frames = |epoch, batch_size| {
        let pass = Pass { order: Order::Sequential, seed: Seed(7), epoch, batch_size, first: 0, all: false };
        let batches = set.batches::<Const<1>, Const<8>, Const<8>, f32, _>(&Cpu::default(), &pass).unwrap();
        let mut by_step = vec![Vec::new(); 4];
        for batch in batches.batches {
            by_step.iter_mut().zip(batch.unwrap().0).for_each(|(all, frame)| all.extend(frame.as_vec()));
        }
        by_step
    };
    let first = frames(0, 20);
    assert_eq!(first, frames(0, 7));
    assert_eq!(first[0], frames(1, 20)[0], "a blank");
    assert_ne!(first[1], frames(1, 20)[1]);
    assert_ne!(first[1], first[2], "dynamic");
}

#[test]
fn a_training_under_noise_and_augmentation_resumes_within_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let flip = Transforms::new(vec![Transform::RandomHorizontalFlip { probability: 0.5 }]).unwrap();
    let noise = Noise::new(NoiseKind::SaltPepper { salt: 0.5 }, Ssnr::new(0.7).unwrap());
    let noisy = Protocol::noise(steps(4), steps(1), steps(3), noise).unwrap();
    let images = train_images();
    let normalisation = images.normalisation().clone();
    let set = Presented::new(images, flip, normalisation, noisy, 2.0).unwrap();
    let to = Checkpoints { every_batches: Some(3), every: 100, ..Checkpoints::to(folder.path()) };
    let config = TrainConfig { checkpoints: Some(to), ..plain(2, 4) };
    let (last, copy) = (folder.path().join("last.safetensors"), folder.path().join("copy.safetensors"));
    let start = || Trainer::new(&Cpu::default(), net(7), config.clone()).unwrap();
    let mut whole = start();
    let keep = |epoch: &dynvision::train::Epoch| {
        if epoch.epoch == 1 {
            std::fs::copy(&last, &copy).unwrap();
        }
    };
    whole.fit_each(&set, None, keep).unwrap();
    let mut resumed = start();
    resumed.resume(&copy).unwrap();
    assert!(resumed.checkpoint().unwrap().about.partial.is_some());
    resumed.fit(&set, None).unwrap();
    assert_eq!(resumed.net().weights(), whole.net().weights());
}

#[test]
fn a_protocol_that_does_not_fit_is_refused_before_the_first_batch() {
    let fit = |set: &Presented<Images>| {
        let mut trainer = Trainer::new(&Cpu::default(), net(7), plain(1, 4)).unwrap();
        trainer.fit(set, None).map(|_| ()).unwrap_err().to_string()
    };
    let long = Protocol::repetition(Duration::Ms(20.0)).unwrap();
    let set = Presented::of(train_images(), long.clone(), 5.0).unwrap();
    let says = fit(&set);
    assert!(says.contains("time step (ms)") && says.contains("is 5, expected 2"), "{says}");
    let one = Presented::of(train_images(), Protocol::repetition(steps(1)).unwrap(), 2.0).unwrap_err().to_string();
    assert!(one.contains("steps of a protocol") && one.contains("at least 2"), "{one}");
    let normalisation = dynvision::data::Normalisation::unit(3);
    let wrong = Presented::new(train_images(), Transforms::none(), normalisation, long, 2.0).unwrap_err().to_string();
    assert!(wrong.contains("channels of the normalisation"), "{wrong}");
    let own = Mask::Own("mine".into());
    let masked = Protocol::backward_masking(steps(8), steps(1), steps(2), steps(2), steps(3), own).unwrap();
    let set = Presented::of(train_images(), masked.clone(), 2.0).unwrap();
    let says = fit(&set);
    assert!(says.contains("`mine`"), "{says}");
    assert!(set.clone().masks(Masks::default()).unwrap_err().to_string().contains("`mine`"));
    let inverted = |image: &[f32], _: [usize; 3], _: &mut dyn dynvision::protocol::noise::Draws| {
        image.iter().map(|x| -x).collect()
    };
    let set = set.masks(Masks::default().with("mine", inverted)).unwrap();
    assert_eq!(set.shape(), Some(Map::new(1, 8, 8)));
    let mut trainer = Trainer::new(&Cpu::default(), net(7), plain(1, 4)).unwrap();
    trainer.fit(&set, None).unwrap();
}
