//! A training under a protocol.

use crate::program::{done, json, refused};
use dfdx::prelude::{Cpu, DeviceBuildExt};
use dynvision::data::digits;
use dynvision::interop::Weights;
use dynvision::loss::{Activity, CrossEntropy, TemporalSmoothness, Weighted};
use dynvision::model::DynModel;
use dynvision::nn::NoRecurrence;
use dynvision::protocol::{Duration, Noise, NoiseKind, Protocol, Ssnr};
use dynvision::train::{Presented, TrainConfig, Trainer};
use dynvision_lab::config::Layers;
use dynvision_lab::models::{Models, WeightSource};
use dynvision_lab::run::Place;
use dynvision_lab::sets::Sets;

dynvision::simple_rcnn! {
    /// A model to compare.
    pub(crate) struct Small; input = [1, 8, 8], classes = 10
}

const NOISY: &str = "train.protocol={ noise = { total = \"16 ms\", intro = 2, stim = \"10 ms\", noise = { kind = \"gaussian\", ssnr = 0.5 } } }";

#[test]
fn it_is_what_the_library_trains() {
    let here = tempfile::tempdir().unwrap();
    let mut models = Models::default();
    models.add::<Small<NoRecurrence>>("small").unwrap();
    let sets = Sets::built_in();
    let place = Place::new(&models, &sets, here.path().join("runs"), true);
    let run = |more: &[&str]| {
        let set =
            ["model=small", "data.name=digits", "data.validation=0", "train.epochs=1", "train.optimizer.lr=0.002"];
        let set = set.iter().chain(more).map(|set| set.to_string()).collect();
        place.run(&Layers { set, ..Layers::default() }).unwrap()
    };
    let weights = |more: &[&str]| {
        let run = run(more);
        run.train().unwrap();
        models.get("small").unwrap().weights(WeightSource::Checkpoint(&run.checkpoint()), false).unwrap()
    };
    let (under, still) = (weights(&[NOISY]), weights(&["train.steps=8"]));
    assert_ne!(under, still);
    assert_ne!(run(&[NOISY]).folder(), run(&[]).folder());

    let dev = Cpu::seed_from_u64(0);
    let net = dev.build_module::<Small<NoRecurrence>, f32>();
    let dt = net.dynamics().dt;
    let noise = Noise::new(NoiseKind::Gaussian, Ssnr::new(0.5).unwrap());
    let protocol = Protocol::noise(Duration::Ms(16.), Duration::Steps(2), Duration::Ms(10.), noise).unwrap();
    let shown = Presented::of(digits::train().unwrap(), protocol, dt).unwrap();
    let config = TrainConfig { checkpoints: None, progress: false, ..run(&[]).config.settings.train.clone() };
    let loss = (
        CrossEntropy::default(),
        Weighted::new(0.0, Activity::default()),
        Weighted::new(0.0, TemporalSmoothness::default()),
    );
    let mut trainer = Trainer::new(&dev, net, config).unwrap().with_loss(loss);
    trainer.fit(&shown, None).unwrap();
    assert_eq!(trainer.net().weights(), under);
}

const SMALL: [&str; 4] = ["--model", "simple-8", "--data", "digits"];

#[test]
fn it_is_a_setting_like_any_other() {
    let here = tempfile::tempdir().unwrap();
    let show = |more: &[&str]| {
        let arguments = [&["config", "show", "--sources"], &SMALL[..], more].concat();
        json(here.path(), &arguments)[0]["settings"].clone()
    };
    assert!(!show(&[]).to_string().contains("train.protocol"));
    // a name stands for what the experiment shows
    let named = show(&["--set", "train.protocol=contrast"]);
    assert_eq!(named["train.protocol.contrast.contrast"]["value"].as_f64(), Some(0.1), "{named}");
    assert_eq!(named["train.protocol.contrast.contrast"]["source"], "command line");
    assert!(named["train.protocol"].is_null());
    // one protocol in place of another, and a setting over that of the same
    std::fs::write(
        here.path().join("lab.toml"),
        "[train.protocol.noise]\ntotal = 8\nintro = 0\nstim = 8\nnoise = { kind = \"gaussian\", ssnr = 0.5 }\n",
    )
    .unwrap();
    let over = show(&["--set", "train.protocol.noise.noise.ssnr=0.25"]);
    assert_eq!(over["train.protocol.noise.noise.ssnr"]["value"], 0.25);
    assert_eq!(over["train.protocol.noise.total"]["source"], "lab.toml:2");
    let other = show(&["--set", "train.protocol={ repetition = { total = 6 } }"]);
    assert_eq!(other["train.protocol.repetition.total"]["value"], 6);
    assert!(!other.to_string().contains("train.protocol.noise"), "{other}");
    std::fs::remove_file(here.path().join("lab.toml")).unwrap();

    for (set, part) in [
        ("train.protocol=contrats", "did you mean `contrast`?"),
        ("train.protocol=3", "the name of an experiment"),
        ("train.protocol={ repetition = { totl = 6 } }", "totl"),
        ("train.protocol={ repetitoin = { total = 6 } }", "repetition"),
        ("train.protocol={ repetition = { total = \"3 ms\" } }", "3 ms"),
        ("train.protocol={ repetition = { total = 1 } }", "two or more"),
        ("train.protocol={ duration = { total = 4, intro = 3, stim = 3 } }", "lengthen"),
        ("train.protcol.repetition.total=3", "steps, protocol, presentation"),
    ] {
        let said = refused(here.path(), &[&["config", "show"], &SMALL[..], &["--set", set]].concat(), 2);
        assert!(said.contains(part), "{set}: {said}");
    }
    let both = ["--set", "train.protocol=contrast", "--set", "train.presentation.reaction_steps=2"];
    let said = refused(here.path(), &[&["config", "show"], &SMALL[..], &both].concat(), 2);
    assert!(said.contains("reaction_steps") && said.contains("no effect"), "{said}");
    assert!(done(here.path(), &["config", "schema"]).contains("train.protocol"));

    let few = ["--set", "data.train=96", "--set", "data.test=20", "--set", "train.epochs=1", "--set"];
    let trained = |set: &'static str| {
        let made = json(here.path(), &[&["test"], &SMALL[..], &few, &[set]].concat());
        (made[0]["run"].as_str().unwrap().to_string(), made[0]["metrics"].clone())
    };
    let (run, under) = trained("train.protocol={ repetition = { total = 6 } }");
    let text = std::fs::read_to_string(here.path().join(&run).join("run.toml")).unwrap();
    assert!(text.contains("[settings.train.protocol.repetition]"), "{text}");
    // an image at every step for as long is the default of as many steps
    assert_eq!(under["last_accuracy"], trained("train.steps=6").1["last_accuracy"]);
    assert_ne!(under["loss"], trained("train.protocol={ duration = { total = 6, intro = 0, stim = 2 } }").1["loss"]);
    // its folder says all of it
    let again = json(here.path(), &["test", "--run", &run]);
    assert_eq!(again[0]["metrics"], under);
}
