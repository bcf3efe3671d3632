//! Interventions, against models whose weights are set by hand.

use crate::net::{self, Built};
use dfdx::prelude::*;
use dynvision::prelude::*;
use dynvision::protocol::{Duration, Frames, Protocol};
use dynvision_lab::intervention::{Intervention, Interventions, When};
use dynvision_lab::{Anatomy, Answer, Gallery, Observer, Parameter, RunError, Setting, Subject, Trained};
use std::sync::Arc;

const STEPS: usize = 8;
const N: usize = 3;

/// Everything that a run shows, by step.
#[derive(Default, Clone, PartialEq, Debug)]
struct Film {
    areas: Vec<Vec<Vec<f32>>>,
    logits: Vec<Vec<f32>>,
}

impl Observer for Film {
    fn area(&mut self, step: Option<usize>, area: usize, answer: Option<Answer<'_>>) -> Result<(), RunError> {
        if step.is_some() {
            self.areas.resize_with(self.areas.len().max(area + 1), Vec::new);
            self.areas[area].push(answer.map(|answer| answer.values.to_vec()).unwrap_or_default());
        }
        Ok(())
    }

    fn logits(&mut self, _: usize, logits: &[f32]) -> Result<(), RunError> {
        self.logits.push(logits.to_vec());
        Ok(())
    }
}

fn frames() -> Frames {
    let set = net::images();
    let gallery = Gallery::of(&set).unwrap();
    let steps = Duration::Steps;
    let protocol = Protocol::duration(steps(STEPS), steps(0), steps(6)).unwrap();
    protocol.frames(&protocol.timeline(2.).unwrap(), &gallery, &[0, 1, 2], 0., 0).unwrap()
}

fn film(subject: &dyn Subject, interventions: Vec<Arc<dyn Intervention>>, idle: i64) -> Film {
    let model = [("idle".to_string(), toml::Value::Integer(idle))].into_iter().collect();
    let mut ready = subject.prepare(&Setting { model, interventions }, STEPS).unwrap();
    let mut film = Film::default();
    ready.run(&frames(), &[0, 1, 2], 5, &mut film).unwrap();
    film
}

fn kind(text: &str) -> Arc<dyn Intervention> {
    Interventions::built_in().get("mine", &toml::from_str(text).unwrap()).unwrap()
}

fn refusal(subject: &dyn Subject, text: &str) -> String {
    let setting = Setting { model: toml::Table::new(), interventions: vec![kind(text)] };
    match subject.prepare(&setting, STEPS) {
        Ok(_) => panic!("{text} is not refused"),
        Err(error) => error.to_string(),
    }
}

/// The network with changed weights, by the model's own function.
fn by_hand(change: impl Fn(&str, &mut Vec<f32>)) -> Trained<Built, Cpu> {
    let mut net = net::net(1);
    dynvision::parameters::each_mut(&mut net, |name, _, tensor| {
        let mut values = tensor.values();
        change(name, &mut values);
        tensor.set_values(&values);
    });
    Trained::new(net, &Cpu::default()).unwrap()
}

fn near(a: &Film, b: &Film) -> f32 {
    let flat =
        |film: &Film| -> Vec<f32> { film.areas.iter().flatten().chain(&film.logits).flatten().copied().collect() };
    let (a, b) = (flat(a), flat(b));
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

#[test]
fn a_run_in_pieces_is_the_models_own_run() {
    let subject = net::subject(1);
    for idle in [0, 3] {
        let found = film(&subject, vec![], idle);
        let mut net = net::net(1);
        net.dynamics_mut().idle_steps = idle as usize;
        let shown = frames();
        let dev = Cpu::default();
        let tensor = |i: usize| dev.tensor_from_vec(shown.frames[i].clone(), (N, Const::<1>, Const::<8>, Const::<8>));
        let all = shown.shown.iter().map(|&i| tensor(i)).collect();
        let (logits, responses) = net.try_record(Stimulus::frames(all, NoneTape)).unwrap();
        let logits = logits.as_vec();
        let v2 = responses.v2.values.as_vec();
        for t in 0..STEPS {
            for s in 0..N {
                let expected = &logits[(s * STEPS + t) * 10..][..10];
                let gap = found.logits[t][s * 10..][..10].iter().zip(expected).map(|(a, b)| (a - b).abs());
                assert!(gap.fold(0., f32::max) < 1e-5);
                let expected = &v2[(s * STEPS + t) * 80..][..80];
                let gap = found.areas[1][t][s * 80..][..80].iter().zip(expected).map(|(a, b)| (a - b).abs());
                assert!(gap.fold(0., f32::max) < 1e-5);
            }
        }
    }
}

#[test]
fn a_silenced_connection_is_one_without_weights_and_the_model_stays_as_it_is() {
    let subject = net::subject(1);
    let before = film(&subject, vec![], 2);
    for (text, of) in [
        ("kind = 'connection'\nof = 'recurrence'\nscale = 0.0", ".recurrence."),
        ("kind = 'connection'\nof = 'feedback'\nscale = 0.0", "_feedback_"),
        ("kind = 'connection'\nof = 'skip'\nscale = 0.0", "_skip_"),
        ("kind = 'connection'\nof = 'recurrence'\ninto = 'v3'\nscale = 0.0", "v3.recurrence."),
        ("kind = 'connection'\nof = 'feedforward'\ninto = 'v2'\nscale = 0.0", "v2.conv."),
    ] {
        let hand = by_hand(|name, values| {
            if name.contains(of) {
                values.fill(0.);
            }
        });
        let found = film(&subject, vec![kind(text)], 2);
        assert!(near(&found, &film(&hand, vec![], 2)) < 1e-6, "{text}");
        assert!(near(&found, &before) > 1e-5, "{text} changes something");
        assert_eq!(film(&subject, vec![], 2), before, "the model is as it was");
    }
    // all that is not feedforward at once is what `feedforward_only` does
    let silenced =
        ["recurrence", "skip", "feedback"].map(|of| kind(&format!("kind = 'connection'\nof = '{of}'\nscale = 0.0")));
    let only = film(&subject, vec![kind("kind = 'feedforward-only'")], 2);
    assert!(near(&film(&subject, silenced.into(), 2), &only) < 1e-5);
    let mut net = net::net(1);
    net.dynamics_mut().feedforward_only = true;
    assert!(near(&film(&Trained::new(net, &Cpu::default()).unwrap(), vec![], 2), &only) < 1e-6);
}

#[test]
fn a_scaled_connection_has_scaled_weights() {
    let subject = net::subject(1);
    let text = "kind = 'connection'\nof = 'feedback'\nscale = 0.5";
    let hand = by_hand(|name, values| {
        if name.contains("_feedback_") {
            values.iter_mut().for_each(|x| *x *= 0.5);
        }
    });
    assert!(near(&film(&subject, vec![kind(text)], 0), &film(&hand, vec![], 0)) < 1e-6);
    let one = kind("kind = 'connection'\nof = 'feedback'\nscale = 1.0");
    assert_eq!(film(&subject, vec![one], 0), film(&subject, vec![], 0));
    let text = refusal(&subject, "kind = 'connection'\nof = 'recurrence'\nscale = 0.5");
    assert!(text.contains("several maps in a row") && text.contains("silenced"), "{text}");
    let text = refusal(&subject, "kind = 'connection'\nof = 'skip'\nfrom = 'v2'\nscale = 0.0");
    assert!(text.contains("no such connection") && text.contains("v3_skip_v1"), "{text}");
}

#[test]
fn at_chosen_steps_only_these_and_those_after_them_change() {
    let subject = net::subject(1);
    let plain = film(&subject, vec![], 2);
    let late = film(
        &subject,
        vec![kind("kind = 'connection'\nof = 'feedforward'\ninto = 'v2'\nscale = 0.0\nstart = 3\nend = '10 ms'")],
        2,
    );
    for t in 0..STEPS {
        let same = plain.areas[1][t] == late.areas[1][t];
        assert_eq!(same, t < 3, "step {t}");
        // what v2 would answer to nothing is not what it answers when the input is back
        let first = late.areas[0][t] == plain.areas[0][t];
        assert!(first || t >= 3);
    }
    // an intervention that never begins changes nothing
    let never = kind("kind = 'feedforward-only'\nstart = 100");
    assert_eq!(film(&subject, vec![never], 2), plain);
}

#[test]
fn a_silenced_area_is_not_heard() {
    let subject = net::subject(1);
    // v1 is heard by v2, by itself and by the skip into v3
    let hand = by_hand(|name, values| {
        if ["v2.conv.weight", "v1.recurrence.weight", "v3_skip_v1.conv.weight"].contains(&name) {
            values.fill(0.);
        }
    });
    let found = film(&subject, vec![kind("kind = 'area'\narea = 'v1'")], 1);
    assert!(near(&found, &film(&hand, vec![], 1)) < 1e-6);
    assert!(found.areas[0].iter().flatten().any(|&x| x > 0.), "what it answers is recorded");
    // half as loud: all that hear it are linear, and pooling scales
    let half = film(&subject, vec![kind("kind = 'area'\narea = 'v3'\nscale = 0.5")], 1);
    let hand = by_hand(|name, values| {
        if ["classifier.weight", "v1_feedback_v3.conv.weight", "v3.recurrence.depthwise.weight"].contains(&name) {
            values.iter_mut().for_each(|x| *x *= 0.5);
        }
    });
    assert!(near(&half, &film(&hand, vec![], 1)) < 1e-6);
}

#[test]
fn silenced_channels_are_not_heard_and_the_others_are() {
    let subject = net::subject(1);
    let all = film(&subject, vec![kind("kind = 'channels'\narea = 'v1'\nshare = 1.0")], 1);
    assert!(near(&all, &film(&subject, vec![kind("kind = 'area'\narea = 'v1'")], 1)) < 1e-6);
    let none = film(&subject, vec![kind("kind = 'channels'\narea = 'v1'\nshare = 0.0")], 1);
    assert_eq!(none, film(&subject, vec![], 1));
    // one of six: of every weight that hears v1, one column
    let one = kind("kind = 'channels'\narea = 'v1'\nshare = 0.17\nseed = 3");
    let found = film(&subject, vec![one], 1);
    let matches = (0..6).filter(|&channel| {
        let hand = by_hand(|name, values| {
            let behind = match name {
                "v2.conv.weight" | "v1.recurrence.weight" => 9,
                "v3_skip_v1.conv.weight" => 1,
                _ => return,
            };
            for row in values.chunks_exact_mut(6 * behind) {
                row[channel * behind..(channel + 1) * behind].fill(0.);
            }
        });
        near(&found, &film(&hand, vec![], 1)) < 1e-6
    });
    assert_eq!(matches.count(), 1);
    let text = refusal(&subject, "kind = 'channels'\narea = 'v2'\nshare = 0.5");
    assert!(text.contains("v2.recurrence.weight") && text.contains("silence the area"), "{text}");
}

#[test]
fn a_current_is_what_the_stimulus_injects() {
    let subject = net::subject(1);
    let found = film(&subject, vec![kind("kind = 'current'\narea = 'v2'\namplitude = 0.7\nstart = 2\nend = 5")], 0);
    let (dev, shown) = (Cpu::default(), frames());
    let tensor = |i: usize| dev.tensor_from_vec(shown.frames[i].clone(), (N, Const::<1>, Const::<8>, Const::<8>));
    let all = shown.shown.iter().map(|&i| tensor(i)).collect();
    let current = dev.tensor_from_vec(vec![0.7_f32; N * 80], (N, 5usize, 4usize, 4usize));
    let stimulus = Stimulus::frames(all, NoneTape).inject("v2", current, 2..5).unwrap();
    let logits = net::net(1).try_run(stimulus).unwrap().as_vec();
    for t in 0..STEPS {
        for s in 0..N {
            let gap =
                found.logits[t][s * 10..][..10].iter().zip(&logits[(s * STEPS + t) * 10..]).map(|(a, b)| (a - b).abs());
            assert!(gap.fold(0., f32::max) < 1e-5, "step {t}");
        }
    }
    let text = refusal(&subject, "kind = 'noise'\narea = 'v3'\nstd = 0.5");
    assert!(text.contains("`v3` has no place for a current"), "{text}");
}

#[test]
fn noise_is_drawn_from_seed_image_and_step() {
    let subject = net::subject(1);
    let noise = || vec![kind("kind = 'noise'\narea = 'v1'\nstd = 0.5")];
    let plain = film(&subject, vec![], 0);
    let noisy = film(&subject, noise(), 0);
    assert_eq!(noisy, film(&subject, noise(), 0));
    assert!(near(&noisy, &plain) > 1e-2);
    assert_eq!(film(&subject, vec![kind("kind = 'noise'\narea = 'v1'\nstd = 0.0")], 0), plain);
    // the noise of a sample does not depend on who is beside it
    let mut one = Film::default();
    let whole = frames();
    let frames = Frames {
        frames: whole.frames.iter().map(|f| f[64..128].to_vec()).collect(),
        shown: whole.shown,
        shape: [1, 1, 8, 8],
    };
    let setting = Setting { model: toml::Table::new(), interventions: noise() };
    subject.prepare(&setting, STEPS).unwrap().run(&frames, &[1], 5, &mut one).unwrap();
    for t in 0..STEPS {
        let gap = one.logits[t].iter().zip(&noisy.logits[t][10..20]).map(|(a, b)| (a - b).abs());
        assert!(gap.fold(0., f32::max) < 1e-5);
    }
}

/// A kind of one's own: the recurrence of every area, by a factor that the kind of the crate refuses.
#[derive(Debug)]
struct Louder(f32);

impl Intervention for Louder {
    fn when(&self) -> When {
        When { start: Some(Duration::Ms(4.)), end: None }
    }

    fn changes(&self, _: &Anatomy, parameter: &Parameter) -> bool {
        parameter.name.ends_with("recurrence.weight")
    }

    fn change(&self, _: &Anatomy, _: &Parameter, values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x *= self.0);
    }
}

#[test]
fn an_intervention_of_ones_own_is_done() {
    let kinds = Interventions::built_in().with("louder", |settings| {
        let by = settings.get("by").and_then(toml::Value::as_float).ok_or("it needs `by`")?;
        Ok(Arc::new(Louder(by as f32)))
    });
    let subject = net::subject(1);
    let made = kinds.get("mine", &toml::from_str("kind = 'louder'\nby = 3.0").unwrap()).unwrap();
    let (plain, louder) = (film(&subject, vec![], 0), film(&subject, vec![made], 0));
    assert_eq!(plain.logits[..2], louder.logits[..2]);
    assert!(near(&plain, &louder) > 1e-3);
    let text = kinds.get("mine", &toml::from_str("kind = 'louder'").unwrap()).unwrap_err().to_string();
    assert!(text.contains("needs `by`"), "{text}");
}
