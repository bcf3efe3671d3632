//! What protocols show, and what their page says. The original's numbers are compared in `dynvision-lab`.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dynvision::protocol::{Duration, NoiseKind, Set, Ssnr};

#[test]
fn noise_does_not_depend_on_the_batch() {
    let images: Vec<f32> = (0..96).map(|i| (i as f32 * 0.7).sin()).collect();
    let set = Set::new(&images, [2, 4, 4]).unwrap();
    let noise = dynvision::protocol::Noise::new(NoiseKind::Gaussian, Ssnr::new(0.3).unwrap());
    let steps = Duration::Steps;
    let protocol = dynvision::protocol::Protocol::noise(steps(4), steps(1), steps(2), noise).unwrap();
    let timeline = protocol.timeline(2.0).unwrap();
    let all = protocol.frames(&timeline, set, &[0, 1, 2], 0.0, 9).unwrap();
    let one = protocol.frames(&timeline, set, &[2], 0.0, 9).unwrap();
    for step in 0..4 {
        assert_eq!(all.frames[all.shown[step]][64..], one.frames[one.shown[step]][..], "step {step}");
    }
    assert_ne!(all.frames[all.shown[1]], all.frames[all.shown[2]], "dynamic noise changes");
}

/// The strips of docs/protocols.md are those that its settings print.
#[test]
fn the_page_of_protocols_shows_what_they_print() {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(flatten)]
        preset: std::collections::BTreeMap<String, toml::Value>,
    }
    let page = include_str!("../../docs/protocols.md");
    let strips = page.split("```").nth(1).unwrap();
    let mut seen = 0;
    for row in page.lines().filter(|row| row.starts_with("| ") && row.ends_with("` |")) {
        let (name, setting) = row[2..row.len() - 3].split_once(" | `").unwrap();
        let line: Line = toml::from_str(setting).unwrap();
        let preset: dynvision::protocol::Preset =
            toml::Value::Table(line.preset.into_iter().collect()).try_into().unwrap();
        let protocol = preset.build().unwrap();
        let timeline = protocol.timeline(2.0).unwrap();
        let text = protocol.text(&timeline);
        assert!(protocol.svg(&timeline).starts_with("<svg"));
        // a strip of the page, with its name before it; the name of masking is the longer one in the table
        let (shown, counts) = text.split_once('\n').unwrap();
        let drawn = strips.lines().zip(strips.lines().skip(1)).any(|(above, below)| {
            above.match_indices(shown).any(|(at, _)| {
                let exact = above[at + shown.len()..].chars().next().is_none_or(|next| next == ' ');
                let below = below.get(at..).unwrap_or_default();
                exact
                    && below.starts_with(counts)
                    && below[counts.len()..].chars().take(shown.len() - counts.len()).all(|c| c == ' ')
            })
        });
        if name != "interval" && name != "contrast" {
            assert!(drawn, "{name}: the page does not show\n{text}");
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen} rows were compared");
}

#[test]
fn experiments_are_read_and_know_their_cells() {
    for name in dynvision::protocol::experiment::NAMES {
        let experiment = dynvision::protocol::experiment::Experiment::named(name).unwrap().unwrap();
        let conditions = experiment.conditions().unwrap();
        assert!(!conditions.is_empty(), "{name}");
        for condition in conditions {
            assert!(condition.protocol.timeline(2.0).unwrap().steps() > 0, "{name}");
        }
    }
}

/// Blanks that carry the noise carry only that, also where the noise stands alone.
#[test]
fn the_noise_of_blanks_has_nothing_of_the_image() {
    let image: Vec<f32> = (0..1024).map(|i| (i as f32 * 0.7).sin() + 5.0).collect();
    let set = Set::new(&image, [1, 32, 32]).unwrap();
    let steps = Duration::Steps;
    for ssnr in [0.0, 0.5] {
        let mut noise = dynvision::protocol::Noise::new(NoiseKind::Gaussian, Ssnr::new(ssnr).unwrap());
        noise.noise_void = true;
        let protocol = dynvision::protocol::Protocol::noise(steps(4), steps(1), steps(2), noise).unwrap();
        let timeline = protocol.timeline(2.0).unwrap();
        let frames = protocol.frames(&timeline, set, &[0], 0.0, 3).unwrap();
        let blank = &frames.frames[frames.shown[0]];
        let mean = blank.iter().sum::<f32>() / 1024.0;
        let covariance = blank.iter().zip(&image).map(|(n, x)| n * (x - 5.0)).sum::<f32>() / 1024.0;
        assert!(mean.abs() < 0.2 && covariance.abs() < 0.15, "ssnr {ssnr}: mean {mean}, covariance {covariance}");
    }
}
