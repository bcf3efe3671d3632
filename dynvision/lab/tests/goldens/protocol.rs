//! The cases of kinds `presentation`, `experiment`, `noise_exact`, `noise_stats` and `noise_table`: what is shown.

use crate::compare::Case;
use dynvision::protocol::noise::{Draws, Generator};
use dynvision::protocol::{
    Duration, Noise, NoiseKind, Power, Preset, Protocol, Set, Showing, Ssnr, experiment::Experiment,
};
use serde_json::Value;
use std::collections::VecDeque;

/// The original's draws, in its order.
struct Given(VecDeque<f64>);

impl Given {
    fn take(&mut self, out: &mut [f64]) {
        out.iter_mut().for_each(|x| *x = self.0.pop_front().unwrap());
    }
}

impl Draws for Given {
    fn uniform(&mut self, _: usize, out: &mut [f64]) {
        self.take(out);
    }
    fn normal(&mut self, _: usize, out: &mut [f64]) {
        self.take(out);
    }
    fn poisson(&mut self, _: usize, rates: &mut [f64]) {
        self.take(rates);
    }
}

fn get<'a>(args: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| args.get(name))
}

/// The original's arguments as this crate's TOML; unknown ones are handed on, to be refused.
fn preset(loader: &str, args: &Value) -> Result<Preset, String> {
    let int = |names: &[&str], default: i64| get(args, names).map_or(default, |v| v.as_i64().unwrap());
    let total = |default| int(&["dsteps", "data_timesteps"], default);
    let mut text = match loader.trim_end_matches("DataLoader") {
        "Standard" => format!("total = {}", total(1)),
        "StimulusRepetition" => format!("total = {}", total(20)),
        "StimulusDuration" => {
            format!("total = {}, intro = {}, stim = {}", total(30), int(&["intro"], 1), int(&["stim"], 20))
        }
        "StimulusInterval" => format!(
            "total = {}, intro = {}, stim = {}, gap = {}",
            total(30),
            int(&["intro"], 0),
            int(&["stim"], 2),
            int(&["interval"], 2)
        ),
        "StimulusContrast" => format!(
            "total = {}, intro = {}, stim = {}, contrast = {:?}",
            total(15),
            int(&["intro"], 2),
            int(&["stim"], 10),
            get(args, &["contrast"]).map_or(1.0, |v| v.as_f64().unwrap())
        ),
        "StimulusNoise" => {
            let kind = match get(args, &["noisetype"]).map_or("uniform", |v| v.as_str().unwrap()) {
                "saltpepper" => "{ salt-pepper = { salt = 0.5 } }".to_string(),
                "phasescrambled" => "{ phase-scrambled = { exponent = -1.0 } }".to_string(),
                other => format!("{other:?}"),
            };
            let seed = get(args, &["noiseseed"]).map_or(String::new(), |seed| format!(", noiseseed = {seed}"));
            format!(
                "total = {0}, intro = {1}, stim = {2}, noise = {{ kind = {kind}, ssnr = {3:?}, temporal = {4}{seed} }}",
                total(20),
                int(&["intro"], 0),
                int(&["stim"], total(20) - int(&["intro"], 0)),
                get(args, &["ssnr"]).map_or(0.5, |v| v.as_f64().unwrap()),
                get(args, &["tempmode"]).unwrap_or(&Value::from("dynamic")),
            )
        }
        _ => "total = 1".into(),
    };
    let known = "dsteps data_timesteps intro stim interval contrast ssnr noisetype noiseseed tempmode idle ffonly voidinput voidid spatialcorr noisevoid";
    for (key, value) in args.as_object().unwrap() {
        if !known.split(' ').any(|known| known == key) {
            text += &format!(", {key} = {value}");
        }
    }
    let name = match loader.trim_end_matches("DataLoader") {
        "Standard" => "repetition".to_string(),
        other => other.strip_prefix("Stimulus").unwrap_or(other).to_lowercase(),
    };
    #[derive(serde::Deserialize)]
    struct File {
        protocol: Preset,
    }
    let file: File = toml::from_str(&format!("protocol.\"{name}\" = {{ {text} }}")).map_err(|e| e.to_string())?;
    file.protocol.build().map_err(|e| e.to_string())?;
    Ok(file.protocol)
}

pub(crate) fn presentation(golden: &mut Case) {
    let name = golden.name.clone();
    let args = golden.json["given_args"].clone();
    let protocol = preset(golden.json["loader"].as_str().unwrap(), &args).unwrap().build().unwrap();
    let timeline = protocol.timeline(2.0).unwrap();
    let shape = golden.shape("images");
    let (images, labels) = (golden.values("images"), golden.numbers("labels"));
    let set = Set::new(&images, [shape[1], shape[2], shape[3]]).unwrap();
    let resolved = golden.json["resolved"].clone();
    let blank = resolved["non_input_value"].as_f64().unwrap_or(0.0) as f32;
    let void = resolved["non_label_index"].as_i64().unwrap_or(-1);
    let size = golden.json["batch_size"].as_u64().unwrap() as usize;
    let numbers: Vec<usize> = (0..shape[0]).collect();
    for (batch, part) in numbers.chunks(size).enumerate() {
        let frames = protocol.frames(&timeline, set, part, blank, 0).unwrap();
        let each = set_size(&shape);
        let (mut values, mut counted) = (Vec::new(), Vec::new());
        for (place, &image) in part.iter().enumerate() {
            for &frame in &frames.shown {
                values.extend_from_slice(&frames.frames[frame][place * each..(place + 1) * each]);
            }
            counted.extend(timeline.labels(void, |_| labels[image] as i64).into_iter().map(|l| l as f64));
        }
        if golden.json["dtype"] == "torch.float16" {
            // a model in half precision would be handed the same frames, rounded
            values.iter_mut().for_each(|x| *x = half::f16::from_f32(*x).into());
        }
        assert_eq!(counted, golden.numbers(&format!("frame_labels/{batch}")), "{name}: labels");
        assert_eq!(values, golden.values(&format!("frames/{batch}")), "{name}: frames");
        golden.count(values.len() + counted.len());
    }
}

fn set_size(shape: &[usize]) -> usize {
    shape[1..].iter().product()
}

fn kind(json: &Value) -> NoiseKind {
    let args = &json["args"];
    let on = |name: &str| args[name].as_bool().unwrap_or(false);
    match json["noise"].as_str().unwrap() {
        "uniform" => NoiseKind::Uniform,
        "gaussian" if on("spatially_correlated") => {
            NoiseKind::Correlated { size: args["kernel_size"].as_u64().unwrap_or(7) as usize }
        }
        "gaussian" => NoiseKind::Gaussian,
        "saltpepper" => NoiseKind::SaltPepper { salt: args["salt_vs_pepper"].as_f64().unwrap_or(0.5) },
        "poisson" => NoiseKind::Poisson,
        "phasescrambled" if on("use_image_spectrum") => NoiseKind::ImageSpectrum,
        "phasescrambled" => NoiseKind::PhaseScrambled { exponent: args["spectral_exponent"].as_f64().unwrap_or(-1.0) },
        other => panic!("{other}"),
    }
}

pub(crate) fn noise_exact(golden: &mut Case) {
    let name = golden.name.clone();
    let shape = golden.shape("images");
    let args = golden.json["args"].clone();
    let ssnr = args["ssnr"].as_f64().unwrap_or_else(|| {
        let snr = args["snr"].as_f64().unwrap();
        snr / (1.0 + snr)
    });
    let draws = golden.json["draws"].as_array().unwrap().len();
    let given = (0..draws).flat_map(|i| golden.numbers(&format!("draw/{i}"))).collect();
    let mut given = Given(given);
    let [n, c, h, w] = [shape[0], shape[shape.len() - 3], shape[shape.len() - 2], shape[shape.len() - 1]];
    let steps = if shape.len() == 5 { shape[1] } else { 1 };
    let static_mode = args["temporal_mode"] == "static";
    let each = c * h * w;
    let (images, wanted) = (golden.values("images"), golden.values("noisy"));
    let at = |values: &[f32], step: usize| -> Vec<f32> {
        (0..n).flat_map(|i| values[(i * steps + step) * each..][..each].to_vec()).collect()
    };
    let largest = wanted.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
    for step in 0..if static_mode { 1 } else { steps } {
        let ours = kind(&golden.json);
        let noisy = ours.apply(Ssnr::new(ssnr).unwrap(), &at(&images, step), [n, c, h, w], &mut given).unwrap();
        let gap = noisy.iter().zip(at(&wanted, step)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(f64::from(gap / largest) <= golden.tolerance(), "{name}: {gap} of {largest}");
        golden.count(noisy.len());
    }
}

/// The original's loader of noisy images, with its draws in the place of ours: one for each step with the stimulus.
pub(crate) fn noise_loader(golden: &mut Case) {
    let name = golden.name.clone();
    let args = golden.json["args"].clone();
    let int = |name: &str| Duration::Steps(args[name].as_u64().unwrap() as usize);
    let ssnr = Ssnr::new(args["ssnr"].as_f64().unwrap()).unwrap();
    assert_eq!((&golden.json["noise"], &args["tempmode"]), (&Value::from("gaussian"), &Value::from("dynamic")));
    // of each step its own, by the variance of the batch
    let noise = Noise { per: Power::Batch, ..Noise::new(NoiseKind::Gaussian, ssnr) };
    let protocol = Protocol::noise(int("dsteps"), int("intro"), int("stim"), noise).unwrap();
    let timeline = protocol.timeline(2.0).unwrap();
    let shape = golden.shape("images");
    let images = golden.values("images");
    let set = Set::new(&images, [shape[1], shape[2], shape[3]]).unwrap();
    let (size, each) = (golden.shape("frames/0")[0], set_size(&shape));
    for batch in 0..shape[0] / size {
        let numbers: Vec<usize> = (batch * size..(batch + 1) * size).collect();
        let draws = |_: &[usize], step: usize| -> Box<dyn Draws> {
            let onset = args["intro"].as_u64().unwrap() as usize;
            Box::new(Given(golden.numbers(&format!("draw/{batch}/{}", step - onset)).into()))
        };
        let showing = Showing { draws: Some(&draws), ..Showing::default() };
        let frames = protocol.show(&timeline, &set, &numbers, &showing).unwrap();
        let wanted = golden.values(&format!("frames/{batch}"));
        let largest = wanted.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        let labels: Vec<f64> = golden.numbers("labels");
        let mut counted = Vec::new();
        for (place, &image) in numbers.iter().enumerate() {
            counted.extend(timeline.labels(-1, |_| labels[image] as i64).into_iter().map(|l| l as f64));
            for (step, &frame) in frames.shown.iter().enumerate() {
                let ours = &frames.frames[frame][place * each..(place + 1) * each];
                let theirs = &wanted[(place * frames.shown.len() + step) * each..][..each];
                let gap = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(f64::from(gap / largest) <= golden.tolerance(), "{name}: step {step}: {gap} of {largest}");
            }
        }
        assert_eq!(counted, golden.numbers(&format!("frame_labels/{batch}")), "{name}: labels");
        golden.count(wanted.len() + counted.len());
    }
}

pub(crate) fn table(golden: &mut Case) {
    let (snr, nothing) = (golden.numbers("snr"), golden.numbers("function_adds_nothing"));
    for (i, &ssnr) in golden.numbers("ssnr").iter().enumerate() {
        let ours = Ssnr::new(ssnr).unwrap();
        assert!(ours.snr() == snr[i] || (ours.snr() / snr[i] - 1.0).abs() < 1e-12, "{ssnr}: {} {}", ours.snr(), snr[i]);
        assert_eq!(ours.adds_nothing(), nothing[i] != 0.0, "{ssnr}");
        golden.count(2);
    }
}

pub(crate) fn refusals(golden: &mut Case) {
    for case in golden.json["cases"].as_array().unwrap().clone() {
        assert!(preset(case["loader"].as_str().unwrap(), &case["args"]).is_err(), "{case}");
        golden.count(1);
    }
}

pub(crate) fn timelines(golden: &mut Case) {
    let mut runs = 0;
    for (name, experiment) in golden.json["experiments"].as_object().unwrap().clone() {
        // what is built in has a condition for each run and status, in the original's order
        let ours = Experiment::named(&name).unwrap().unwrap().conditions().unwrap();
        let theirs = experiment["runs"].as_array().unwrap();
        let statuses = experiment["status"].as_array().map_or(1, Vec::len);
        assert_eq!(ours.len(), theirs.len() * statuses, "{name}");
        for (condition, run) in ours.iter().zip(theirs) {
            runs += 1;
            let slug: Vec<String> = run
                .as_object()
                .unwrap()
                .iter()
                .map(|(k, v)| format!("{k}={}", v.as_str().map_or_else(|| v.to_string(), str::to_string)))
                .collect();
            let key = find(golden, &format!("labels/{name}/"), &slug);
            let timeline = condition.protocol.timeline(2.0).unwrap();
            let labels: Vec<f64> = timeline.labels(-1, |_| 7).into_iter().map(|l| l as f64).collect();
            assert_eq!(labels, golden.numbers(&key), "{key}");
            golden.count(labels.len());
            let frames = key.replacen("labels/", "frames/", 1);
            if golden.stored("").contains(&frames) {
                let set = Set::new(&[2.0], [1, 1, 1]).unwrap();
                let made = condition.protocol.frames(&timeline, set, &[0], 0.0, 0).unwrap();
                let shown: Vec<f32> = made.shown.iter().map(|&f| made.frames[f][0]).collect();
                assert_eq!(shown, golden.values(&frames), "{frames}");
            }
        }
    }
    assert_eq!(runs, golden.json["n_runs"].as_u64().unwrap());
}

/// The tensor whose name has exactly these settings, in whatever order.
fn find(golden: &Case, prefix: &str, settings: &[String]) -> String {
    let sorted = |mut parts: Vec<String>| {
        parts.sort();
        parts
    };
    let wanted = sorted(settings.to_vec());
    let matches = |name: &&String| {
        name.strip_prefix(prefix).is_some_and(|rest| sorted(rest.split('+').map(str::to_string).collect()) == wanted)
    };
    let names = golden.stored("");
    names.iter().find(matches).unwrap_or_else(|| panic!("{prefix} {settings:?}")).clone()
}

pub(crate) fn statistics(golden: &mut Case) {
    let name = golden.name.clone();
    let shape = golden.shape("images");
    let shape: [usize; 4] = shape.try_into().unwrap();
    let images = golden.values("images");
    let columns: Vec<String> =
        golden.json["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap().to_string()).collect();
    let (mean, tolerance) = (golden.numbers("mean"), golden.numbers("tolerance"));
    let draws = golden.json["n_draws"].as_u64().unwrap() as usize;
    let variance = |x: &[f64]| {
        let m = x.iter().sum::<f64>() / x.len() as f64;
        x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (x.len() - 1) as f64
    };
    let signal: Vec<f64> = images.iter().map(|&x| x.into()).collect();
    let numbers: Vec<usize> = (0..shape[0]).collect();
    for (row, &ssnr) in golden.numbers("ssnr").iter().enumerate() {
        let ssnr = Ssnr::new(ssnr).unwrap();
        let target = variance(&signal) / ssnr.snr();
        let mut sums = [0.0; 3];
        for draw in 0..draws {
            let noisy = kind(&golden.json).apply(ssnr, &images, shape, &mut Generator::new(5, &numbers, draw)).unwrap();
            let noise: Vec<f64> = noisy.iter().zip(&signal).map(|(&y, x)| f64::from(y) - x).collect();
            let (m, v) = (noise.iter().sum::<f64>() / noise.len() as f64, variance(&noise));
            let fourth = noise.iter().map(|n| (n - m).powi(4)).sum::<f64>() / noise.len() as f64;
            let values = [variance(&signal) / v, (v / target).sqrt(), fourth / (v * v) - 3.0];
            sums.iter_mut().zip(values).for_each(|(s, v)| *s += v / draws as f64);
        }
        for (column, ours) in ["realised_snr", "noise_sd_over_target_sd", "excess_kurtosis"].iter().zip(sums) {
            let at = row * columns.len() + columns.iter().position(|c| c == column).unwrap();
            let gap = (ours - mean[at]).abs();
            assert!(gap <= tolerance[at].max(1e-4), "{name} {column}: {ours} for {} +- {}", mean[at], tolerance[at]);
            golden.count(1);
        }
    }
}
