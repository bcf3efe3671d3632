//! Runs a model as its authors' code ran, and compares all that is known of that: answers, memories, gradients, moments.

use crate::golden::Golden;
use crate::report::Report;
use dfdx::prelude::*;
use dynvision::error::Result;
use dynvision::model::{DynModel, FrameShape};
use dynvision::ops;
use dynvision::parameters::{each, each_mut};
use dynvision::unroll::{Context, History, MapAreas, Recording, State, Steps, Stimulus, Timed, VisitAreas};
use std::collections::BTreeMap;
use std::ops::Range;

type Maps = Tensor<(usize, usize, usize, usize), f32, Cpu>;

/// What a parameter is called there, and which of its input channels ours holds: there, one weight often sees the input and
/// the state side by side.
pub(crate) struct Theirs {
    pub(crate) name: String,
    /// Names of what stands behind it in ours, one after the other.
    pub(crate) more: Vec<String>,
    pub(crate) columns: Option<Range<usize>>,
}

impl Theirs {
    pub(crate) fn all(name: impl Into<String>) -> Option<Theirs> {
        Some(Theirs { name: name.into(), more: Vec::new(), columns: None })
    }

    pub(crate) fn columns(name: impl Into<String>, columns: Range<usize>) -> Option<Theirs> {
        Some(Theirs { name: name.into(), more: Vec::new(), columns: Some(columns) })
    }

    /// Several that are one here.
    pub(crate) fn stacked<const N: usize>(names: [String; N], columns: Option<Range<usize>>) -> Option<Theirs> {
        let mut names = names.into_iter();
        Some(Theirs { name: names.next()?, more: names.collect(), columns })
    }

    /// Ours of what `stored` gives for each name.
    fn gathered(&self, stored: impl Fn(&str) -> (Vec<usize>, Vec<f32>)) -> Vec<f32> {
        [&self.name].into_iter().chain(&self.more).flat_map(|name| self.of(stored(name))).collect()
    }

    /// Those of `values` that are ours.
    fn of(&self, (sizes, values): (Vec<usize>, Vec<f32>)) -> Vec<f32> {
        let Some(Range { start, end }) = self.columns else { return values };
        let row: usize = sizes[1..].iter().product();
        let each: usize = sizes[2..].iter().product();
        values.chunks(row).flat_map(|row| row[start * each..end * each].to_vec()).collect()
    }
}

/// What the loss is of.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    /// The logits of every step.
    Logits,
    /// Those of the last step.
    LastLogits,
    /// Their sum over the steps.
    SumOfLogits,
    /// The responses of an area.
    Response(&'static str),
    /// The answers of several readouts of one number, side by side: `(batch, time, readouts)`, or `(batch, readouts, time)`.
    Readouts(&'static [&'static str], Order),
}

/// What comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Time,
    Readout,
}

/// How a model here is one there.
pub(crate) struct Told<'a> {
    /// Their name for one of our parameters; none for what they do not have.
    pub(crate) names: &'a dyn Fn(&str) -> Option<Theirs>,
    /// Steps of an image; none where there is a film.
    pub(crate) steps: Option<usize>,
    pub(crate) training: bool,
    pub(crate) output: Output,
    /// Our areas, and their responses. Where these are of more steps than ours, the last are compared.
    pub(crate) responses: &'a [(&'static str, &'static str)],
    /// Our areas and memories, and their responses.
    pub(crate) memories: &'a [(&'static str, &'static str, &'static str)],
    /// Our areas, memories (or the response), and what they begin with.
    pub(crate) begin: &'a [(&'static str, Option<&'static str>, &'static str)],
    /// Their name for a gradient that is not `grad/` and the name of the parameter.
    pub(crate) gradient: Option<(&'static str, &'static str)>,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Told {
            names: &|_| None,
            steps: None,
            training: false,
            output: Output::Logits,
            responses: &[],
            memories: &[],
            begin: &[],
            gradient: None,
        }
    }
}

/// Compares the model `S` with a golden.
pub(crate) fn compare<S>(golden: &Golden, told: &Told<'_>) -> Report
where
    S: BuildOnDevice<Cpu, f32>,
    S::Built: DynModel<f32, Cpu>,
{
    let mut report = Report::default();
    if let Err(error) = with_model(golden, told, Cpu::default().build_module::<S, f32>(), &mut report) {
        report.must(false, || error.to_string());
    }
    report
}

fn with_model<M: DynModel<f32, Cpu>>(golden: &Golden, told: &Told<'_>, mut net: M, report: &mut Report) -> Result<()> {
    set_weights(golden, told, &mut net);
    let frames = frames::<M>(golden, told);
    let stimulus: Stimulus<FrameShape<M, usize, f32, Cpu>, f32, Cpu> = match told.steps {
        Some(steps) => Stimulus::constant(frames[0].clone(), steps),
        None => Stimulus::frames(frames.clone(), NoneTape),
    };
    let stimulus = if told.training { stimulus.training() } else { stimulus };

    let (mut state, mut observed) = (begun(golden, told, &net)?, M::initial::<Steps, usize>());
    let (logits, mut cx) = net.try_observe(stimulus.traced(Gradients::leaky()), &mut state, &mut observed)?;
    let mut areas = Responses { of: BTreeMap::new(), memories: BTreeMap::new() };
    M::visit_areas::<Steps, usize>(&observed, &mut areas)?;
    for (ours, theirs) in told.responses {
        let maps = areas.of.get(ours).unwrap_or_else(|| panic!("{}: no area {ours}", golden.name));
        let (sizes, values) = golden.tensor(&format!("response/{theirs}"));
        compare_over_time(theirs, maps, sizes[0], &values, report);
    }
    for (area, memory, theirs) in told.memories.iter().filter(|_| !told.training) {
        let maps = areas.memories.get(&(*area, *memory));
        let maps = maps.unwrap_or_else(|| panic!("{}: no memory {memory}", golden.name));
        let (sizes, values) = golden.tensor(&format!("response/{theirs}"));
        compare_over_time(theirs, maps, sizes[0], &values, report);
    }
    let statistics = cx.take_statistics();
    let loss = loss(golden, told, logits, &areas, &mut cx, report)?;
    if golden.get("loss_weights").is_none() {
        report.forward("loss", &loss.as_vec(), &golden.values("loss"));
    }
    let mut grads = loss.put_tape(cx.into_tape()).backward();
    compare_gradients(golden, told, &net, &mut grads, report);
    if golden.get("grad_input").is_some() {
        let b = frames[0].shape().0;
        let each: Vec<Vec<f32>> = frames
            .iter()
            .map(|frame| {
                grads.get_or_alloc_mut(frame).unwrap();
                grads.get(frame).as_vec()
            })
            .collect();
        let units = each[0].len() / b;
        let of_image = |i: usize| each.iter().flat_map(move |frame| frame[i * units..(i + 1) * units].to_vec());
        let ours: Vec<f32> = (0..b).flat_map(of_image).collect();
        report.gradient("the input", &ours, &golden.values("grad_input"));
    }
    statistics.absorb(&mut net)?;
    each(&net, |name, _, tensor| {
        let Some(theirs) = (told.names)(name) else { return };
        if let Some((_, after)) = golden.get(&format!("buffer_after/{}", theirs.name)) {
            report.forward(&format!("{name} after the run"), &tensor.values(), &after);
        }
    });
    Ok(())
}

/// Gives each parameter its values there; what is fixed here and not known there keeps its own.
fn set_weights<M: DynModel<f32, Cpu>>(golden: &Golden, told: &Told<'_>, net: &mut M) {
    let mut used = Vec::new();
    each_mut(net, |name, trained, tensor| {
        let Some(theirs) = (told.names)(name) else {
            // a readout of ours, from which no gradient comes, or what is fixed
            let is_ours = matches!(told.output, Output::Response(_)) && name.starts_with("classifier.");
            assert!(!trained || is_ours, "{}: nothing for {name}", golden.name);
            return;
        };
        let values = theirs.gathered(|theirs| {
            let stored = golden.get(&format!("param/{theirs}")).or_else(|| golden.get(&format!("buffer/{theirs}")));
            stored.unwrap_or_else(|| panic!("{}: no {theirs} for {name}", golden.name))
        });
        let len: usize = tensor.sizes().iter().product();
        assert_eq!(values.len(), len, "{}: {name} and {}", golden.name, theirs.name);
        tensor.set_values(&values);
        used.push(theirs.name);
    });
}

type FramesOf<M> = Vec<Tensor<FrameShape<M, usize, f32, Cpu>, f32, Cpu>>;

/// The frames of the film, or the image.
fn frames<M: DynModel<f32, Cpu>>(golden: &Golden, told: &Told<'_>) -> FramesOf<M> {
    let (sizes, values) = golden.tensor("input");
    let (b, t) = (sizes[0], if told.steps.is_some() { 1 } else { sizes[1] });
    let units = values.len() / (b * t);
    let frame = |step: usize| {
        let of_image = |i: usize| values[(i * t + step) * units..(i * t + step + 1) * units].to_vec();
        let values: Vec<f32> = (0..b).flat_map(of_image).collect();
        Cpu::default().tensor_from_vec(values, (b, Default::default(), Default::default(), Default::default()))
    };
    (0..t).map(frame).collect()
}

/// A state that begins as there.
fn begun<M: DynModel<f32, Cpu>>(golden: &Golden, told: &Told<'_>, net: &M) -> Result<M::Areas<State, usize>> {
    M::map_areas(net.reset::<usize>(), &mut Begin { golden, told })
}

struct Begin<'a> {
    golden: &'a Golden,
    told: &'a Told<'a>,
}
impl MapAreas<State, State, f32, Cpu> for Begin<'_> {
    fn area<S: Timed>(&mut self, name: &'static str, mut past: History<S, f32, Cpu>) -> Result<History<S, f32, Cpu>> {
        for (area, memory, theirs) in self.told.begin.iter().filter(|(area, ..)| *area == name) {
            let (sizes, values) = self.golden.tensor(&format!("state0/{theirs}"));
            let at = |i: usize| sizes.get(i).copied().unwrap_or(1);
            let maps: Maps = Cpu::default().tensor_from_vec(values, (at(0), at(1), at(2), at(3)));
            match memory {
                Some(memory) => past.set_memory(memory, maps),
                None => past.set_response(maps)?,
            }
            assert_eq!(*area, name);
        }
        Ok(past)
    }
}

struct Responses {
    of: BTreeMap<&'static str, Vec<Maps>>,
    memories: BTreeMap<(&'static str, &'static str), Vec<Maps>>,
}
impl VisitAreas<Steps, f32, Cpu> for Responses {
    fn area<S: Timed>(&mut self, name: &'static str, record: &Recording<f32, Cpu>) -> Result<()> {
        self.of.insert(name, record.responses().flatten().cloned().collect());
        for (memory, steps) in record.memories() {
            self.memories.insert((name, memory), steps.steps().iter().flatten().cloned().collect());
        }
        Ok(())
    }
}

/// Our maps at each step and theirs, `(batch, time, ..)`, or the last of theirs.
fn compare_over_time(what: &str, ours: &[Maps], batch: usize, theirs: &[f32], report: &mut Report) {
    let ours: Vec<Vec<f32>> = ours.iter().map(|maps| maps.as_vec()).collect();
    let Some(units) = ours.first().map(|maps| maps.len() / batch) else {
        return report.must(false, || format!("{what}: no response"));
    };
    let of_image = |i: usize| ours.iter().flat_map(move |maps| maps[i * units..(i + 1) * units].to_vec());
    let flat: Vec<f32> = (0..batch).flat_map(of_image).collect();
    let of_theirs = theirs.len() / batch;
    let last = (ours.len() * units).min(of_theirs);
    let theirs: Vec<f32> = theirs.chunks(of_theirs).flat_map(|image| image[of_theirs - last..].to_vec()).collect();
    report.forward(what, &flat, &theirs);
}

/// The loss, of what the golden has: weights of each element, or labels.
fn loss<C: ConstDim, T: Tape<f32, Cpu>>(
    golden: &Golden,
    told: &Told<'_>,
    logits: Tensor<(usize, usize, C), f32, Cpu>,
    areas: &Responses,
    cx: &mut Context<f32, Cpu, T>,
    report: &mut Report,
) -> Result<Tensor<(), f32, Cpu>> {
    let theirs = golden.get("logits").unwrap_or_else(|| golden.tensor("output")).1;
    let (b, t, c) = *logits.shape();
    if let Output::Response(area) = told.output {
        let maps = areas.of.get(area).unwrap_or_else(|| panic!("{}: no area {area}", golden.name));
        compare_over_time("output", maps, b, &theirs, report);
        let weights = golden.values("loss_weights");
        let values: Vec<Vec<f32>> = maps.iter().map(|maps| maps.as_vec()).collect();
        let of_image =
            |i: usize| values.iter().flat_map(move |step| step[i * step.len() / b..(i + 1) * step.len() / b].to_vec());
        compare_weighted(golden, &(0..b).flat_map(of_image).collect::<Vec<f32>>(), &weights, report);
        let (steps, units) = (maps.len(), weights.len() / (b * maps.len()));
        let mut sum: Tensor<(), f32, Cpu> = Cpu::default().zeros();
        for (step, maps) in maps.iter().enumerate() {
            let of_image = |i: usize| weights[(i * steps + step) * units..(i * steps + step + 1) * units].to_vec();
            let weights: Vec<f32> = (0..b).flat_map(of_image).collect();
            let weights: Maps = Cpu::default().tensor_from_vec(weights, *maps.shape());
            let part: Tensor<(), f32, Cpu> = cx.run(maps.clone(), |maps| maps.try_mul(weights)?.try_sum())?;
            sum = cx.run(part, |part| part.try_add(sum))?;
        }
        return cx.run(sum, |sum| sum.try_div(weights.len() as f32));
    }
    if let Output::Readouts(readouts, order) = told.output {
        return loss_of_readouts(golden, readouts, order, areas, cx, report);
    }
    let all: Tensor<(usize, usize, usize), f32, Cpu> = ops::slice(1, 0..t, &logits, cx)?;
    let rows: Tensor<(usize, usize), f32, Cpu> = match told.output {
        Output::SumOfLogits => cx.run(all, |all| all.try_sum::<_, Axis<1>>())?,
        Output::LastLogits => {
            let last: Tensor<(usize, usize, usize), f32, Cpu> = ops::slice(1, t - 1..t, &all, cx)?;
            ops::reshaped(last, &(b, c.size()))?
        }
        _ => ops::reshaped(all, &(b * t, c.size()))?,
    };
    report.forward("output", &rows.as_vec(), &theirs);
    let (n, classes) = *rows.shape();
    if golden.has("labels") {
        let labels = golden.integers("labels");
        let is = |class: usize, label: i64| f32::from(u8::from(class as i64 == label));
        let hot = labels.iter().flat_map(|&label| (0..classes).map(move |class| is(class, label)));
        let target: Tensor<(usize, usize), f32, Cpu> = Cpu::default().tensor_from_vec(hot.collect(), (n, classes));
        return cx.run(rows, |rows| Ok(cross_entropy_with_logits_loss(rows, target)));
    }
    let weights = golden.values("loss_weights");
    compare_weighted(golden, &rows.as_vec(), &weights, report);
    let weights: Tensor<(usize, usize), f32, Cpu> = Cpu::default().tensor_from_vec(weights, (n, classes));
    cx.run(rows, |rows| rows.try_mul(weights)?.try_mean())
}

/// The mean of the weighted answers of readouts of one number.
fn loss_of_readouts<T: Tape<f32, Cpu>>(
    golden: &Golden,
    readouts: &[&str],
    order: Order,
    areas: &Responses,
    cx: &mut Context<f32, Cpu, T>,
    report: &mut Report,
) -> Result<Tensor<(), f32, Cpu>> {
    let of: Vec<&[Maps]> = readouts.iter().map(|name| &areas.of[name][..]).collect();
    let (b, steps, n) = (of[0][0].shape().0, of[0].len(), of.len());
    let at = |image: usize, step: usize, readout: usize| match order {
        Order::Time => (image * steps + step) * n + readout,
        Order::Readout => (image * n + readout) * steps + step,
    };
    let weights = golden.values("loss_weights");
    let mut answers = vec![0.0; b * steps * n];
    let mut sum: Tensor<(), f32, Cpu> = Cpu::default().zeros();
    for (readout, maps) in of.iter().enumerate() {
        for (step, maps) in maps.iter().enumerate() {
            let values = maps.as_vec();
            (0..b).for_each(|image| answers[at(image, step, readout)] = values[image]);
            let weights = (0..b).map(|image| weights[at(image, step, readout)]).collect::<Vec<f32>>();
            let weights: Maps = Cpu::default().tensor_from_vec(weights, *maps.shape());
            let part: Tensor<(), f32, Cpu> = cx.run(maps.clone(), |maps| maps.try_mul(weights)?.try_sum())?;
            sum = cx.run(part, |part| part.try_add(sum))?;
        }
    }
    report.forward("output", &answers, &golden.values("output"));
    compare_weighted(golden, &answers, &weights, report);
    cx.run(sum, |sum| sum.try_div(weights.len() as f32))
}

/// The mean of weighted answers, whose terms nearly cancel: summed in f64, and compared relative to their mean size, so that the
/// order of summation does not decide.
fn compare_weighted(golden: &Golden, answers: &[f32], weights: &[f32], report: &mut Report) {
    let terms = || answers.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w));
    let ours = terms().sum::<f64>() / answers.len() as f64;
    let size = terms().map(f64::abs).sum::<f64>() / answers.len() as f64;
    let theirs = f64::from(golden.values("loss")[0]);
    report.must((ours - theirs).abs() <= 1e-5 * size, || format!("loss: {ours:e} here, {theirs:e} there"));
}

/// Whether rounding alone makes the gradient of this parameter.
fn has_no_gradient(golden: &Golden, name: &str) -> bool {
    let none = golden.json["params_with_zero_grad_up_to_rounding"].as_array().unwrap();
    none.iter().any(|other| other == name)
}

fn compare_gradients<M: DynModel<f32, Cpu>>(
    golden: &Golden,
    told: &Told<'_>,
    net: &M,
    grads: &mut Gradients<f32, Cpu>,
    report: &mut Report,
) {
    each(net, |name, trained, tensor| {
        let Some(theirs) = (told.names)(name).filter(|theirs| trained && !has_no_gradient(golden, &theirs.name)) else {
            return;
        };
        let expected = theirs.gathered(|theirs| match told.gradient {
            Some((of, path)) if of == theirs => golden.tensor(path),
            _ => golden.tensor(&format!("grad/{theirs}")),
        });
        report.gradient(name, &tensor.gradient(grads).unwrap().to_vec(), &expected);
    });
}
