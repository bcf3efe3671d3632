//! The methods paragraph of a report: what it says is what was run.

use crate::folder::pictures;
use crate::protocol::Small;
use dynvision::nn::{NoRecurrence, SelfRecurrence};
use dynvision_lab::config::Layers;
use dynvision_lab::models::Models;
use dynvision_lab::run::Place;
use dynvision_lab::sets::Sets;
use dynvision_lab::study::Study;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const LESION: &str = "about = \"what the first area is for\"\nmeasures = [\"response_avg\", \"accuracy\"]\n\
    protocol = { interval = { total = 9, intro = 1, stim = 2, gap = 2 } }\n[model]\nidle = 3\n\
    [interventions.lesion]\nkind = \"area\"\narea = \"layer1\"\nscale = 0.5\n[vary]\n\"protocol.interval.gap\" = [2, 3]\n";

fn paragraph(here: &Path, runs: &[&[&str]]) -> String {
    let mut models = Models::default();
    models.add::<Small<NoRecurrence>>("small").unwrap();
    models.add::<Small<SelfRecurrence>>("small/self").unwrap();
    let sets = Sets::built_in();
    let place = Place::new(&models, &sets, here.join("runs"), true);
    let shared =
        ["train.epochs=1", "train.batch_size=16", "experiments.images=4", "experiments.batch=4", "train.steps=4"];
    let run = |own: &&[&str]| {
        let set = shared.iter().chain(own.iter()).map(|set| set.to_string()).collect();
        place.run(&Layers { set, ..Layers::default() }).unwrap()
    };
    let study = Study::new(runs.iter().map(run).collect(), None);
    study.report(None, &AtomicBool::new(false)).unwrap().methods.unwrap().paragraph()
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "it does not say `{part}`: {text}");
    }
}

#[test]
fn it_says_what_was_shown_in_training_and_what_was_done_in_experiments() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("lesion.toml");
    std::fs::write(&file, LESION).unwrap();
    let experiments = format!("experiments.names={}", file.display());
    let protocol = "train.protocol={ noise = { total = \"16 ms\", intro = 2, stim = \"10 ms\", noise = { kind = \"gaussian\", ssnr = 0.5 } } }";
    let text = paragraph(
        here.path(),
        &[&[
            "model=small",
            "data.name=digits",
            "data.train=60",
            "data.test=20",
            "dynamics.idle_steps=5",
            "train.schedule={ kind = \"cosine\", steps = 6, floor = 0.5 }",
            "losses.activity=0.25",
            &experiments,
            protocol,
        ]],
    );
    says(
        &text,
        &[
            // the model has no recurrence, and none is claimed of it
            "r(t + dt) = φ(r(t) + dt/τ · (I − r(t)))",
            "where I is the feedforward input and φ the nonlinearity; the operations of a step were layer, tstep, nonlin, record, delay",
            "time without input before each stimulus = 5 steps (10 ms)",
            "Images were those of digits at 8 × 8 (54 images for training, 6 images held out of it to follow the training, 20 images for testing)",
            "At most 60 images were used for training, of each class alike",
            "normalised by a mean of",
            "Networks were trained with adam (",
            "the learning rate cosine (floor = 0.5, steps = 6), by update",
            "to minimise cross-entropy + 0.25 × activity",
            "for 1 epoch from 1 seed (0)",
            "Each image was presented under a protocol: blank for 2 steps (4 ms), then the image with gaussian noise at a signal share \
             (SSNR) of 0.5 (dynamic in time, its power relative to the variance of the image) for 5 steps (10 ms), then blank for 1 step (2 ms)",
            "gradients were limited by norm = 1",
            "images were not augmented",
            "lesion (what the first area is for): blank for 1 step (2 ms), then the image for 2 steps (4 ms), then blank for 2 steps (4 ms), \
             then the image for 2 steps (4 ms), then blank for 2 steps (4 ms), in 2 conditions, of which that is the first, with \
             protocol.interval.gap = 2, 3 steps, with the model's idle = 3, with the intervention lesion: area (area = layer1, scale = 0.5), on 4 \
             test images",
            "measuring response avg and accuracy",
            "there is one seed, and no interval over seeds",
            "Software: dynvision 0.1.0",
            "dfdx 0.13",
        ],
    );
    assert!(!text.contains("recurrent") && !text.contains("skip"), "{text}");
    assert!(!text.contains("presented for"), "what the protocol took the place of is not told: {text}");
}

#[test]
fn it_tells_runs_apart_and_where_pictures_come_from() {
    let here = tempfile::tempdir().unwrap();
    pictures(&here.path().join("pictures"), 2, 10);
    let folder = format!("data.folder={}", here.path().join("pictures").display());
    let shared = ["data.name=folder", &folder, "experiments.names=ten", "data.validation=0"];
    let with = |own: &[&'static str]| -> Vec<String> {
        shared.iter().copied().chain(own.iter().copied()).map(String::from).collect()
    };
    let runs = [
        with(&["model=small", "seed=0", "dynamics.tau=5"]),
        with(&[
            "model=small/self",
            "seed=1",
            "dynamics.tau=8",
            "train.presentation={ pattern = \"10\", reaction_steps = 1 }",
        ]),
    ];
    let runs: Vec<Vec<&str>> = runs.iter().map(|run| run.iter().map(String::as_str).collect()).collect();
    let runs: Vec<&[&str]> = runs.iter().map(Vec::as_slice).collect();
    let text = paragraph(here.path(), &runs);
    says(
        &text,
        &[
            "The models were small (Small), with 2 areas (layer1, layer2) and ",
            "; small/self (Small), with 2 areas (layer1, layer2) and ",
            "where I is the feedforward + recurrent input",
            "τ = 5 ms or 8 ms",
            "Images were those of the folder `pictures` of image files at 8 × 8 (16 images for training, 4 images for testing)",
            "Their shorter side was resized to 8 pixels (bilinear), and the middle of 8 × 8 cropped, as grey levels",
            "a fifth of each class, drawn by seed 0, was kept for testing",
            "from 2 seeds (0, 1)",
            "Each image was presented for 4 steps (8 ms), or each image was presented for 4 steps (8 ms), shown and blank in the pattern 10, \
             its label counting from 1 step (2 ms) after an onset",
            "with Student's 95 % intervals over seeds",
        ],
    );
}
