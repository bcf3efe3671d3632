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

mod shown {
    //! What the constructors show, against frames that are written down by hand.

    use dynvision::protocol::{
        Duration, Event, Frames, Mask, Noise, NoiseKind, Occlusion, Picture, Protocol, Set, Ssnr, Temporal,
    };

    const BLANK: f32 = -7.0;

    /// Four images of two rows and three columns: image 2 is 21 22 23 / 24 25 26.
    fn images() -> Vec<f32> {
        (0..24).map(|i| (10 * (i / 6) + i % 6 + 1) as f32).collect()
    }

    fn image(number: usize) -> Vec<f32> {
        images()[6 * number..6 * number + 6].to_vec()
    }

    fn shown(protocol: &Protocol, of: usize) -> (Frames, Vec<i64>) {
        let all = images();
        let timeline = protocol.timeline(2.0).unwrap();
        let frames = protocol.frames(&timeline, Set::new(&all, [1, 2, 3]).unwrap(), &[of], BLANK, 5).unwrap();
        (frames, timeline.labels(-1, |ahead| (of + ahead) as i64))
    }

    fn is(protocol: &Protocol, of: usize, expected: &[(Vec<f32>, i64)]) {
        let (frames, labels) = shown(protocol, of);
        assert_eq!(frames.shown.len(), expected.len());
        for (step, (frame, label)) in expected.iter().enumerate() {
            assert_eq!(frames.frames[frames.shown[step]], *frame, "step {step}");
            assert_eq!(labels[step], *label, "step {step}");
        }
    }

    fn blank() -> (Vec<f32>, i64) {
        (vec![BLANK; 6], -1)
    }

    const fn n(steps: usize) -> Duration {
        Duration::Steps(steps)
    }

    #[test]
    fn a_stream_has_its_target_at_its_place() {
        // the set begins again where it ends
        let expected = [(image(0), -1), (image(0), -1), (image(2), 2), (image(2), 2), (image(3), -1), (image(3), -1)];
        is(&Protocol::rsvp(n(2), 3, 1).unwrap(), 2, &expected);
        is(&Protocol::rsvp(Duration::Ms(4.0), 3, 1).unwrap(), 2, &expected);
        assert!(Protocol::rsvp(n(2), 3, 3).is_err() && Protocol::rsvp(n(2), 0, 0).is_err());
    }

    #[test]
    fn flicker_goes_on_and_off() {
        let on = || (image(1), 1);
        let expected = [on(), blank(), blank(), on(), blank(), blank()];
        is(&Protocol::flicker(n(1), n(2), 2).unwrap(), 1, &expected);
        assert!(Protocol::flicker(n(1), n(2), 0).is_err());
    }

    #[test]
    fn a_mask_begins_its_asynchrony_after_the_image_and_has_no_label() {
        let masking = |asynchrony, mask| Protocol::backward_masking(n(8), n(1), n(2), asynchrony, n(2), mask);
        let protocol = masking(n(3), Mask::Checkerboard(1)).unwrap();
        let (frames, labels) = shown(&protocol, 0);
        let at = |step: usize| &frames.frames[frames.shown[step]];
        for (step, what) in
            [(0, &blank().0), (1, &image(0)), (2, &image(0)), (3, &blank().0), (6, &blank().0), (7, &blank().0)]
        {
            assert_eq!(at(step), what, "step {step}");
        }
        assert_eq!(labels, [-1, 0, 0, -1, -1, -1, -1, -1]);
        let board = at(4);
        assert_eq!(board, at(5), "a checkerboard does not change");
        assert!(
            board[0] == board[2] && board[0] == board[4] && board[1] == board[3] && board[1] == board[5],
            "{board:?}"
        );
        assert_ne!(board[0], board[1]);
        let noise = masking(n(2), Mask::Noise(NoiseKind::Gaussian)).unwrap();
        let (frames, _) = shown(&noise, 0);
        assert_ne!(frames.frames[frames.shown[3]], frames.frames[frames.shown[4]], "noise is new at each step");
        assert_eq!(shown(&noise, 0).0, frames, "and the same each time");
        assert!(masking(n(1), Mask::Checkerboard(1)).is_err(), "a mask before the image has gone");
        assert!(masking(Duration::Ms(6.0), Mask::Checkerboard(1)).is_err(), "steps and ms");
        assert!(masking(n(3), Mask::Checkerboard(0)).is_err());
    }

    #[test]
    fn contrast_scales_about_the_mean_and_leaves_blanks() {
        let half: Vec<f32> = image(3).iter().map(|x| x / 2.0).collect();
        is(&Protocol::contrast(n(3), n(1), n(1), 0.5).unwrap(), 3, &[blank(), (half, 3), blank()]);
    }

    #[test]
    fn so_much_is_hidden_as_is_said_and_the_rest_is_the_image() {
        let occluded = |occlusion| {
            let picture = Picture { occlusion: Some(occlusion), ..Picture::default() };
            let (frames, _) = shown(&Protocol::picture(n(2), n(0), n(2), picture).unwrap(), 2);
            assert_eq!(frames.shown[0], frames.shown[1], "what hides does not move");
            frames.frames[frames.shown[0]].clone()
        };
        assert_eq!(occluded(Occlusion::Bars { share: 0.5, period: 2 }), [BLANK, 22.0, BLANK, BLANK, 25.0, BLANK]);
        for (occlusion, hidden) in [
            (Occlusion::Deletion { share: 0.5 }, 3),
            (Occlusion::Deletion { share: 0.0 }, 0),
            (Occlusion::Deletion { share: 1.0 }, 6),
            (Occlusion::Blobs { share: 0.34, size: 3 }, 2),
        ] {
            let frame = occluded(occlusion.clone());
            assert_eq!(frame.iter().filter(|&&x| x == BLANK).count(), hidden, "{occlusion:?}: {frame:?}");
            assert!(frame.iter().zip(image(2)).all(|(&x, of)| x == BLANK || x == of), "{frame:?}");
        }
        let wrong = Picture { occlusion: Some(Occlusion::Deletion { share: 1.5 }), ..Picture::default() };
        assert!(Protocol::picture(n(2), n(0), n(2), wrong).is_err());
    }

    #[test]
    fn a_picture_moves_so_many_pixels_a_step() {
        let moving = |speed| {
            let picture = Picture { speed, ..Picture::default() };
            let (frames, labels) = shown(&Protocol::picture(n(3), n(0), n(3), picture).unwrap(), 2);
            assert_eq!(labels, [2, 2, 2]);
            frames.shown.iter().map(|&frame| frames.frames[frame].clone()).collect::<Vec<_>>()
        };
        let columns =
            [image(2), vec![BLANK, 21.0, 22.0, BLANK, 24.0, 25.0], vec![BLANK, BLANK, 21.0, BLANK, BLANK, 24.0]];
        let rows = [image(2), vec![BLANK, BLANK, BLANK, 21.0, 22.0, 23.0], vec![BLANK; 6]];
        // down and to the right
        assert_eq!(moving([0.0, 1.0]), columns);
        assert_eq!(moving([1.0, 0.0]), rows);
    }

    /// Noise that is correlated in time is an autoregression of first order: of one variance, and as like the last step as said.
    #[test]
    fn correlated_noise_has_its_variance_and_its_time() {
        let (side, steps) = (64, 60);
        let pixels: Vec<f32> = (0..side * side).map(|i| 3.0 * (i as f32 * 0.37).sin()).collect();
        let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
        let variance = pixels.iter().map(|x| f64::from(x - mean).powi(2)).sum::<f64>() / (pixels.len() - 1) as f64;
        let mut noise = Noise::new(NoiseKind::Gaussian, Ssnr::new(0.2).unwrap());
        noise.temporal = Temporal::Correlated { tau_ms: 10.0 };
        let picture = Picture { noise: Some(noise), ..Picture::default() };
        let protocol = Protocol::new(vec![Event::image(picture, n(steps))], None).unwrap();
        let timeline = protocol.timeline(2.0).unwrap();
        let set = Set::new(&pixels, [1, side, side]).unwrap();
        let frames = protocol.frames(&timeline, set, &[0], 0.0, 1).unwrap();
        let added: Vec<Vec<f64>> = frames
            .shown
            .iter()
            .map(|&frame| frames.frames[frame].iter().zip(&pixels).map(|(x, of)| f64::from(x - of)).collect())
            .collect();
        let product = |lag: usize| {
            let pairs = added.iter().zip(added.iter().skip(lag));
            let sum: f64 = pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()).sum();
            sum / ((steps - lag) * side * side) as f64
        };
        // SSNR 0.2 is a ratio of 1/4: the noise has four times the image's variance
        let power = 4.0 * variance;
        assert!((product(0) / power - 1.0).abs() < 0.03, "{} and {power}", product(0));
        for lag in [1, 5] {
            let expected = (-2.0 * lag as f64 / 10.0).exp();
            assert!((product(lag) / product(0) - expected).abs() < 0.02, "lag {lag}: {}", product(lag) / product(0));
        }
    }
}
