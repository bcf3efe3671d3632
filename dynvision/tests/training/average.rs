//! Averaged weights, frozen ones, a loss that has no backward pass, and one that is not finite.

use super::*;
use dfdx::prelude::{Dim, Rank0, Tape, TryMul, TrySub};
use dynvision::autograd::Graph;
use dynvision::kernels::{Element, VisionDevice};
use dynvision::loss::{Loss, Output};
use dynvision::optim::Average;
use std::cell::Cell;
use std::rc::Rc;

const RULE: Average = Average { decay: 0.6, warmup: false };

fn averaging(epochs: usize) -> Trainer<Model, f32, Cpu> {
    let config = TrainConfig { average: Some(RULE), ..config(epochs) };
    Trainer::new(&Cpu::default(), net(7), config).unwrap()
}

fn values(state: &StateDict, name: &str, shape: &[usize]) -> Vec<f32> {
    state.get(name, shape).unwrap()
}

/// Against the recurrence written out over the weights after each update.
#[test]
fn the_average_follows_every_update() {
    let images = few(train_images(), 40);
    // an update an epoch
    let mut trainer = averaging(5);
    let mut plain = Trainer::new(&Cpu::default(), net(7), config(5)).unwrap();
    assert!(trainer.averaged().is_none());
    trainer.fit(&images, None).unwrap();
    plain.fit(&images, None).unwrap();
    // the average changes nothing of the training
    assert_eq!(trainer.net().weights(), plain.net().weights());
    assert_eq!(trainer.history().last().unwrap().updates, 5);
    let mut expected = net(7).weights();
    for epochs in 1..=5 {
        let mut so_far = Trainer::new(&Cpu::default(), net(7), config(epochs)).unwrap();
        so_far.fit(&images, None).unwrap();
        let weights = so_far.net().weights();
        for parameter in parameters(trainer.net()) {
            let (a, w) = (
                values(&expected, &parameter.name, &parameter.shape),
                values(&weights, &parameter.name, &parameter.shape),
            );
            let next: Vec<f32> = a.iter().zip(&w).map(|(a, w)| a + 0.4 * (w - a)).collect();
            expected.insert(parameter.name.clone(), &parameter.shape, &next);
        }
    }
    let averaged = trainer.averaged().unwrap().weights();
    for parameter in parameters(trainer.net()) {
        let (a, b) = (
            values(&averaged, &parameter.name, &parameter.shape),
            values(&expected, &parameter.name, &parameter.shape),
        );
        let far = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-6, "{}: {far}", parameter.name);
    }
}

#[test]
fn the_average_is_what_is_evaluated_saved_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let (images, held_out) = (train_images(), few(digits::test().unwrap(), 40));
    let (mut whole, mut half) = (averaging(4), averaging(2));
    whole.fit(&images, Some(&held_out)).unwrap();
    half.fit(&images, Some(&held_out)).unwrap();
    half.save(&path).unwrap();
    let mut resumed = averaging(4);
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.averaged().unwrap().weights(), half.averaged().unwrap().weights());
    resumed.fit(&images, Some(&held_out)).unwrap();
    assert_eq!(resumed.averaged().unwrap().weights(), whole.averaged().unwrap().weights());
    assert_eq!(resumed.net().weights(), whole.net().weights());
    assert_ne!(whole.averaged().unwrap().weights(), whole.net().weights());
    // what is loaded for use is what was evaluated
    let mut used = Cpu::default().build_module::<Net, f32>();
    whole.checkpoint().unwrap().load_into(&mut used).unwrap();
    assert_eq!(used.weights(), whole.averaged().unwrap().weights());
    let of_average = Trainer::new(&Cpu::default(), used, config(4)).unwrap().evaluate(&held_out).unwrap();
    assert_eq!(whole.evaluate(&held_out).unwrap(), of_average);
    assert_eq!(whole.history().last().unwrap().valid.as_ref(), Some(&of_average));
    // another decay is another run
    let config = TrainConfig { average: Some(Average::of(0.9)), ..config(4) };
    let says = Trainer::new(&Cpu::default(), net(7), config).unwrap().resume(&path).unwrap_err().to_string();
    assert!(says.contains("`average`"), "{says}");
}

#[test]
fn moments_that_are_not_trained_are_those_of_the_model() {
    let config = TrainConfig { average: Some(RULE), ..config(2) };
    let mut trainer =
        Trainer::new(&Cpu::default(), Cpu::seed_from_u64(1).build_module::<Chancy, f32>(), config).unwrap();
    trainer.fit(&few(train_images(), 40), None).unwrap();
    let (averaged, net) = (trainer.averaged().unwrap(), trainer.net());
    assert_ne!(net.v1_norm.running_mean.as_vec(), [0.0; 4]);
    assert_ne!(averaged.v1_norm.weight.as_vec(), net.v1_norm.weight.as_vec());
}

/// Fine-tuning: only the readout first, then all, and it goes on from a checkpoint of either part.
#[test]
fn what_was_frozen_is_trained_once_it_is_said() {
    let images = few(train_images(), 40);
    let frozen = Groups::new([Group::named("*").frozen(), Group::named("classifier").trained()]);
    let start = |epochs| TrainConfig { groups: frozen.clone(), average: Some(RULE), epochs, ..config(epochs) };
    let mut trainer = Trainer::new(&Cpu::default(), net(1), start(1)).unwrap();
    trainer.fit(&images, None).unwrap();
    let conv = |net: &Model| net.v1.feedforward.weight.as_vec();
    assert_eq!((conv(trainer.net()), conv(&trainer.averaged().unwrap())), (conv(&net(1)), conv(&net(1))));
    let saved = trainer.checkpoint().unwrap();
    let free = Groups::new([Group::named("recurrence").lr(0.5)]);
    let mut on = Trainer::new(&Cpu::default(), net(1), start(3)).unwrap();
    on.restore(&saved).unwrap();
    assert!(on.set_groups(Groups::new([Group::named("v9")])).unwrap_err().to_string().contains("`v9`"));
    on.set_groups(free.clone()).unwrap();
    on.fit(&images, None).unwrap();
    assert_ne!(conv(on.net()), conv(&net(1)));
    assert_eq!(on.checkpoint().unwrap().about.config.groups, free);
    assert!(on.history().epochs[1].group_lr.contains_key("recurrence"));
}

/// A loss that subtracts a clone of the logits that it has changed, whose backward pass dfdx does not have.
struct Changed {
    owns: bool,
}

impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>> Loss<M, E, D> for Changed {
    fn name(&self) -> String {
        "changed".into()
    }

    fn needs_responses(&self) -> bool {
        false
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        _: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> dynvision::error::Result<Tensor<Rank0, E, D>> {
        let half = E::from_f64(0.5).unwrap();
        let mut other = output.logits.clone();
        if self.owns {
            other = graph.run(other, |x| x.try_mul(half))?;
        } else {
            let halved: Vec<E> = other.as_vec().into_iter().map(|x| x * half).collect();
            other.copy_from(&halved);
        }
        graph.run(output.logits.clone(), |x| {
            use dfdx::prelude::MeanTo;
            x.try_sub(other)?.try_square()?.try_mean()
        })
    }
}

#[test]
fn a_loss_without_a_backward_pass_is_an_error_that_changes_nothing() {
    let labels = Labels::constant(&[1, 2], 4);
    let run = |owns: bool| {
        let dev = Cpu::seed_from_u64(3);
        let mut trainer = plain(sgd(0.1)).with_loss(Changed { owns });
        let before = trainer.net().weights();
        let done = trainer.backward(random(&dev, 2), &labels);
        (done, trainer.update().unwrap(), trainer.net().weights() == before)
    };
    let (refused, norm, same) = run(false);
    let error = refused.unwrap_err();
    assert!(matches!(&error, TrainError::SameTensor { loss } if loss == "changed"), "{error}");
    assert!(error.to_string().contains("`changed`") && error.to_string().contains("stop_gradient"), "{error}");
    assert_eq!((norm, same), (0.0, true));
    let (done, norm, same) = run(true);
    assert!(done.unwrap() > 0.0 && norm > 0.0 && !same);
}

/// The mean of the logits by a factor, which counts how often it ran backward.
struct Counted {
    factor: f64,
    backward: Rc<Cell<usize>>,
}

impl<M: DynModel<E, D>, E: Element, D: VisionDevice<E>> Loss<M, E, D> for Counted {
    fn name(&self) -> String {
        "counted".into()
    }

    fn needs_responses(&self) -> bool {
        false
    }

    fn loss<B: Dim, T: Tape<E, D>>(
        &self,
        output: &Output<M, B, E, D>,
        _: &Labels,
        graph: &mut Graph<E, D, T>,
    ) -> dynvision::error::Result<Tensor<Rank0, E, D>> {
        let (factor, backward) = (E::from_f64(self.factor).unwrap(), self.backward.clone());
        graph.tape.add_backward_op(move |_| {
            backward.set(backward.get() + 1);
            Ok(())
        });
        graph.run(output.logits.clone(), |x| {
            use dfdx::prelude::MeanTo;
            x.try_mean::<Rank0, _>()?.try_mul(factor)
        })
    }
}

/// On a CPU the loss is known before anything runs backward.
#[test]
fn a_loss_that_is_not_finite_is_refused_before_anything_runs_backward() {
    let labels = Labels::constant(&[1, 2], 4);
    let run = |factor: f64| {
        let (dev, backward) = (Cpu::seed_from_u64(3), Rc::new(Cell::new(0)));
        let mut trainer = plain(sgd(0.1)).with_loss(Counted { factor, backward: backward.clone() });
        let before = trainer.net().weights();
        let done = trainer.backward(random(&dev, 2), &labels);
        let norm = trainer.update().unwrap();
        (done, backward.get(), norm, trainer.net().weights() == before)
    };
    let (refused, backward, norm, same) = run(f64::NAN);
    let error = refused.unwrap_err();
    assert!(matches!(&error, TrainError::NotFinite { what, .. } if what.contains("`counted`")), "{error}");
    assert_eq!((backward, norm, same), (0, 0.0, true));
    let (done, backward, norm, same) = run(1.0);
    assert!(done.is_ok() && norm > 0.0);
    assert_eq!((backward, same), (1, false));
}
