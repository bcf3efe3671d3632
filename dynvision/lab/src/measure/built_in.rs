//! The measures that come with the crate, by name.

use super::*;
use crate::decode;

/// A window by its place, of the pictures and masks that are shown.
fn shown(schedule: &Schedule, place: usize) -> Option<Window> {
    schedule.windows.get(place).copied()
}

fn share(right: Option<bool>) -> Option<f64> {
    right.map(f64::from)
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReactionSettings {
    confidence: Option<f64>,
    entropy: Option<f64>,
}

impl ReactionSettings {
    fn criterion(&self) -> Result<Criterion, String> {
        match (self.confidence, self.entropy) {
            (Some(_), Some(_)) => Err("it decides by `confidence` or by `entropy`; set one of the two".into()),
            (None, Some(nats)) if nats >= 0. => Ok(Criterion::Entropy(nats)),
            (None, Some(nats)) => Err(format!("entropy = {nats} must be zero or more, in nats")),
            (Some(p), None) if (0. ..=1.).contains(&p) => Ok(Criterion::Confidence(p)),
            (Some(p), None) => Err(format!("confidence = {p} must be between 0 and 1")),
            (None, None) => Ok(Criterion::Confidence(0.9)),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SteadySettings {
    /// Mean over so many last steps of the stimulus.
    steps: usize,
}

impl Default for SteadySettings {
    fn default() -> Self {
        SteadySettings { steps: 1 }
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LatencySettings {
    /// Standard deviations above the baseline.
    deviations: Option<f64>,
    /// Share of the largest response above the baseline.
    share: Option<f64>,
}

#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DelaySettings {
    /// Steps between the two peaks.
    min_delay: usize,
}

impl Default for DelaySettings {
    fn default() -> Self {
        DelaySettings { min_delay: 5 }
    }
}

pub(super) fn register(m: &mut Measures) {
    units(m);
    readout(m);
    traces(m);
    legacy_traces(m);
    decisions(m);
    sets(m);
}

fn units(m: &mut Measures) {
    let mut add = |name: &str, unit: &str, about: &str, f: fn(&Units<'_>) -> Option<f64>| {
        m.add(name, unit, about, move |_| Ok(Measure::units(f)));
    };
    add("response_avg", "response", "mean absolute activity of the units", |u| u.moments().mean());
    add("response_std", "response", "standard deviation of the absolute activity", |u| {
        let (m, n) = (u.moments(), u.values().len() as f64);
        let (mean, square) = (m.mean()?, m.mean_square()?);
        // of values that are nearly alike the difference of the two moments holds rounding only
        let variance = (square - mean * mean) * n / (n - 1.);
        if variance > 1e-6 * square { Some(variance.sqrt()) } else { response_std(u.values()) }
    });
    add("activity", "response", "sum of the absolute activity: what it costs", |u| u.moments().sum());
    add("sparseness", "", "sparseness after Rolls and Treves; small is sparse", |u| {
        let (mean, square) = (u.moments().mean()?, u.moments().mean_square()?);
        Some(mean * mean / square).filter(|a| a.is_finite())
    });
    add("spatial_variance", "response²", "mean over channels of the variance over space", |u| {
        spatial_variance(u.values(), u.channels())
    });
    add("feature_variance", "response²", "mean over space of the variance over channels", |u| {
        feature_variance(u.values(), u.channels())
    });
    add("active_share", "", "share of the units that are not 0", |u| {
        let active = synaptic_operations(u.values(), 1)?;
        (!u.values().is_empty()).then(|| active as f64 / u.values().len() as f64)
    });
}

fn readout(m: &mut Measures) {
    let mut add = |name: &str, about: &str, f: fn(&[f32], StepLabels) -> Option<f64>| {
        m.add(name, "", about, move |_| Ok(Measure::readout(f)));
    };
    add("accuracy", "whether the guess is the label of the step; missing where none counts", |z, l| {
        share(correct(guess(z), l.now))
    });
    add("first_label_accuracy", "whether the guess is the first label, at every step, blanks included", |z, l| {
        share(correct(guess(z), l.first))
    });
    add("confidence", "softmax probability of the label of the step", |z, l| confidence(z, l.now));
    add("first_label_confidence", "softmax probability of the first label", |z, l| confidence(z, l.first));
    add("guess_confidence", "softmax probability of the guess", |z, _| confidence(z, guess(z)? as i64));
    add("entropy", "entropy of the softmax, in nats", |z, _| entropy(z));
    for (name, about) in [
        ("accuracy_topK", "whether the label of the step is among the K largest logits"),
        ("first_label_accuracy_topK", "whether the first label is among the K largest logits"),
    ] {
        m.add(name, "", about, |_| Err("write the number of classes in the place of K, as in `accuracy_top5`".into()));
    }
}

/// A measure with a number in its name.
pub(super) fn numbered(name: &str) -> Option<Measure> {
    let number = |text: &str| match text.parse::<usize>() {
        Ok(k) if k > 0 && k.to_string() == text => Some(k),
        _ => None,
    };
    let top = match name.strip_prefix("first_label_accuracy_top") {
        Some(k) => TopK { k: number(k)?, label: |l| l.first },
        None => TopK { k: number(name.strip_prefix("accuracy_top")?)?, label: |l| l.now },
    };
    Some(Measure::readout(top))
}

/// Whether a label is among the `k` largest logits.
struct TopK {
    k: usize,
    label: fn(StepLabels) -> i64,
}

impl ReadoutMeasure for TopK {
    fn measure(&self, logits: &[f32], labels: StepLabels) -> Option<f64> {
        share(correct_top_k(logits, (self.label)(labels), self.k))
    }

    fn classes(&self) -> usize {
        self.k
    }
}

fn traces(m: &mut Measures) {
    let mut add = |name: &str, unit: &str, about: &str, f: fn(&[f64], &Schedule) -> Option<f64>| {
        m.add(name, unit, about, move |_| Ok(Measure::trace(f)));
    };
    add("peak_time", "ms", "time of the largest response, from the onset", |x, s| peak_time(x, shown(s, 0)?, s.dt_ms));
    add("peak_height", "response", "largest response above the baseline", |x, s| {
        peak_height(x, shown(s, 0)?, s.baseline(x)?)
    });
    add("time_to_half_maximum", "ms", "time at which half the largest response is reached, from the onset", |x, s| {
        time_to_half_maximum(x, shown(s, 0)?, s.baseline(x)?, s.dt_ms)
    });
    add("adaptation_index", "", "response at the stimulus' end over the largest while it is on", |x, s| {
        adaptation_index(x, shown(s, 0)?, s.baseline(x)?)
    });
    add("peak_ratio", "", "largest response to the second stimulus over that to the first", |x, s| {
        peak_ratio(x, shown(s, 0)?, shown(s, 1)?, s.baseline(x)?)
    });
    add(
        "temporal_summation",
        "response ms",
        "response above the baseline, summed from the first onset to the end",
        |x, s| {
            let (first, last) = (s.windows.first()?, s.windows.last()?);
            let whole = Window::new(first.onset(), first.offset(), last.end()).ok()?;
            temporal_summation(x, whole, s.baseline(x)?, s.dt_ms)
        },
    );
    m.add_set("steady_state", "response", "mean of the last `steps` steps with the stimulus, above the baseline", {
        |settings: SteadySettings| match settings.steps {
            0 => Err("steps = 0 must be at least 1".into()),
            n => Ok(Measure::trace(move |x: &[f64], s: &Schedule| steady_state(x, shown(s, 0)?, s.baseline(x)?, n))),
        }
    });
    m.add_set(
        "latency",
        "ms",
        "time at which the response leaves the baseline, by `deviations` or a `share` of its peak",
        {
            |settings: LatencySettings| match (settings.deviations, settings.share) {
                (Some(_), Some(_)) => {
                    Err("its threshold is set by `deviations` or by `share`; set one of the two".into())
                }
                (Some(deviations), None) => Ok(Measure::trace(move |x: &[f64], s: &Schedule| {
                    let first = shown(s, 0)?;
                    latency(x, first, baseline_threshold(x, first, deviations)?, s.dt_ms)
                })),
                (None, share) => {
                    let share = share.unwrap_or(0.1);
                    if !(0. ..1.).contains(&share) {
                        return Err(format!("share = {share} must be at least 0 and below 1"));
                    }
                    Ok(Measure::trace(move |x: &[f64], s: &Schedule| {
                        let (first, baseline) = (shown(s, 0)?, s.baseline(x)?);
                        let height = peak_height(x, first, baseline).filter(|&height| height > 0.)?;
                        latency(x, first, baseline + share * height, s.dt_ms)
                    }))
                }
            }
        },
    );
}

fn legacy_traces(m: &mut Measures) {
    let mut add = |name: &str, unit: &str, about: &str, f: fn(&[f64], &Schedule) -> Option<f64>| {
        m.add(name, unit, about, move |_| Ok(Measure::trace(f)));
    };
    add("legacy_peak_time", "ms", "the original's: from the first recorded step", |x, s| {
        Some(legacy::peak_time(x)? as f64 * s.dt_ms)
    });
    add("legacy_peak_height", "response", "the original's: above no baseline", |x, _| legacy::peak_height(x));
    add("legacy_time_average", "response", "the original's: mean of all steps", |x, _| legacy::time_average(x));
    add("legacy_summed_response", "response", "the original's: sum of all steps", |x, _| {
        Some(legacy::summed_response(x))
    });
    m.add_set("legacy_peak_ratio", "", "the original's: later over earlier of the two highest local maxima", {
        |settings: DelaySettings| {
            let delay = settings.min_delay;
            Ok(Measure::trace(move |x: &[f64], _: &Schedule| Some(legacy::peak_ratio(x, delay))))
        }
    });
}

fn decisions(m: &mut Measures) {
    m.add_set("reaction_time", "ms", "time of the decision, by `confidence` (0.9) or `entropy`, from the onset", {
        |settings: ReactionSettings| {
            let criterion = settings.criterion()?;
            Ok(Measure::decision(move |z: &[f32], classes: usize, label: i64, s: &Schedule| {
                reaction(z, classes, label, whole(s)?, criterion, s.dt_ms).map(|r| r.time_ms)
            }))
        }
    });
    m.add_set("reaction_accuracy", "", "whether the decision is the first label; missing where none is made", {
        |settings: ReactionSettings| {
            let criterion = settings.criterion()?;
            Ok(Measure::decision(move |z: &[f32], classes: usize, label: i64, s: &Schedule| {
                share(reaction(z, classes, label, whole(s)?, criterion, s.dt_ms)?.correct)
            }))
        }
    });
}

/// From the first onset to the end of all.
fn whole(schedule: &Schedule) -> Option<Window> {
    let (first, last) = (schedule.windows.first()?, schedule.windows.last()?);
    Window::new(first.onset(), first.offset(), last.end()).ok()
}

fn sets(m: &mut Measures) {
    m.add("rdm", "1 − r", "dissimilarity of the classes' mean responses, each area and step", |_| {
        Ok(Measure::set(set_rdm::ClassRdms))
    });
    m.add("dimensionality", "", "participation ratio of the channels' mean responses, each area and step", |_| {
        Ok(Measure::set(set_dimensionality::ChannelDimensions))
    });
    m.add_set("decoding", "", "accuracy of a linear probe on the channels' mean responses, cross-validated", {
        |settings: decode::Settings| Ok(Measure::set(decode::Decoding::new(settings)?))
    });
}
