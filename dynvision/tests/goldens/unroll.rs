//! Runs a model as the original ran its own, and compares all that it kept.

use crate::device::{Dev, device};
use crate::golden::Golden;
use crate::report::Report;
use crate::weights;
use dfdx::prelude::*;
use dynvision::interop::{StateDict, torch};
use dynvision::loss::{CrossEntropy, Labels, Loss};
use dynvision::model::{DynModel, FrameShape};
use dynvision::time::Dynamics;
use dynvision::train::residual_steps;
use dynvision::unroll::Stimulus;
use dynvision::unroll::{Stacked, Timed, VisitAreas};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a case does differently from what its description says, each for a reason that stands beside it.
#[derive(Default)]
pub(crate) struct Differently {
    /// Times in ms that are whole steps, where the original cut a fraction off.
    pub(crate) times: Option<fn(&mut Dynamics)>,
    /// Ends of names (of the original) whose gradient is not compared.
    pub(crate) no_gradient: &'static [&'static str],
    /// Whether the model records at another place than the original, for a loss on what stands there.
    pub(crate) other_responses: bool,
}

/// Compares the model `S` with a golden: logits, responses, masks, loss and gradients.
pub(crate) fn model<S>(golden: &Golden) -> Report
where
    S: BuildOnDevice<Dev, f32>,
    S::Built: DynModel<f32, Dev>,
{
    model_with::<S, _>(golden, &Differently::default(), &CrossEntropy::default())
}

/// The same with another loss, and what is done differently.
pub(crate) fn model_with<S, L>(golden: &Golden, differently: &Differently, loss: &L) -> Report
where
    S: BuildOnDevice<Dev, f32>,
    S::Built: DynModel<f32, Dev>,
    L: Loss<S::Built, f32, Dev>,
{
    let mut report = Report::default();
    if let Err(error) = compare::<S::Built, L>(golden, differently, loss, build::<S>(), &mut report) {
        report.must(false, || error);
    }
    report
}

/// Compares the answers of the model `S` with a golden of a network that was not differentiated: logits, responses, masks.
pub(crate) fn answers<S>(golden: &Golden) -> Report
where
    S: BuildOnDevice<Dev, f32>,
    S::Built: DynModel<f32, Dev>,
{
    let mut report = Report::default();
    if let Err(error) = compare_answers(golden, build::<S>(), &mut report) {
        report.must(false, || error);
    }
    report
}

fn compare_answers<M: DynModel<f32, Dev>>(golden: &Golden, mut net: M, report: &mut Report) -> Result<(), String> {
    let text = |error: dynvision::error::Error| error.to_string();
    *net.dynamics_mut() = dynamics(golden);
    let params = golden.params();
    torch::import(&mut net, &params).map_err(|error| error.to_string())?;
    let exported = torch::export(&net, &names(golden, &params)).map_err(|error| error.to_string())?;
    compare_export(golden, &exported, &params, report);
    let (batch, frames) = frames::<M>(golden);
    let steps = frames.len();
    let (logits, responses) = net.try_record(Stimulus::frames(frames, NoneTape)).map_err(text)?;
    report.forward("logits", &logits.as_vec(), &golden.values("output"));
    M::visit_areas(&responses, &mut Each { golden, report, batch, steps }).map_err(text)
}

fn build<S: BuildOnDevice<Dev, f32>>() -> S::Built {
    device().build_module::<S, f32>()
}

fn compare<M, L>(
    golden: &Golden,
    differently: &Differently,
    loss: &L,
    mut net: M,
    report: &mut Report,
) -> Result<(), String>
where
    M: DynModel<f32, Dev>,
    L: Loss<M, f32, Dev>,
{
    let text = |error: dynvision::error::Error| error.to_string();
    *net.dynamics_mut() = dynamics(golden);
    let params = golden.params();
    torch::import(&mut net, &params).map_err(|error| error.to_string())?;
    if let Some(times) = differently.times {
        times(net.dynamics_mut());
    }
    let exported = torch::export(&net, &names(golden, &params)).map_err(|error| error.to_string())?;
    compare_export(golden, &exported, &params, report);
    let (batch, frames) = frames::<M>(golden);
    let steps = frames.len();
    // by how much labels are later
    if let Some(theirs) = golden.json["config"]["n_residual_timesteps"].as_u64() {
        let ours = residual_steps(&net, &device()).map_err(text)?;
        report.must(ours as u64 == theirs, || format!("{ours} residual steps, in the original {theirs}"));
    }
    let (logits, responses) = net.try_record(traced(frames, &net)).map_err(text)?;
    report.forward("logits", &logits.as_vec(), &golden.values("output"));
    if !differently.other_responses {
        M::visit_areas(&responses, &mut Each { golden, report, batch, steps }).map_err(text)?;
    }
    if golden.get("loss").is_some() {
        let labels = Labels::from_numbers(batch, steps, &golden.integers("labels"), -1).map_err(text)?;
        let loss = loss.try_forward(&net, logits, Some(responses), &labels).map_err(text)?;
        report.forward("loss", &loss.as_vec(), &golden.values("loss"));
        let here = weights::gradients(&net, &mut loss.backward());
        compare_gradients(golden, differently, torch::names(&net), here, report);
    }
    Ok(())
}

/// The times of a golden.
fn dynamics(golden: &Golden) -> Dynamics {
    let config = &golden.json["config"];
    let steps = |key: &str| config[key].as_u64().unwrap() as usize;
    let mut dynamics = Dynamics {
        dt: golden.number("dt"),
        tau: golden.number("tau"),
        t_feedforward: golden.number("t_feedforward"),
        t_recurrence: golden.number("t_recurrence"),
        t_skip: golden.number("t_skip"),
        t_feedback: golden.number("t_feedback"),
        idle_steps: steps("idle_timesteps"),
        non_input: golden.number("non_input_value"),
        truncate_steps: steps("truncated_bptt_timesteps"),
        feedforward_only: config["feedforward_only"].as_bool().unwrap(),
        ..Dynamics::default()
    };
    for (name, layer) in config["layers"].as_object().unwrap() {
        let area = dynamics.area(name.to_lowercase());
        let own = |key: &str, all: f64| layer[key].as_f64().filter(|&ms| ms != all);
        area.t_feedforward = own("t_feedforward", golden.number("t_feedforward"));
        area.t_recurrence = own("t_recurrence", golden.number("t_recurrence"));
    }
    dynamics
}

/// How the original of a golden writes its names.
fn names(golden: &Golden, params: &StateDict) -> torch::Names {
    let mut names = torch::Names::default();
    for theirs in golden.json["config"]["layer_names"].as_array().unwrap().iter().filter_map(Value::as_str) {
        names = names.area(&theirs.to_lowercase(), theirs);
    }
    if let Some(last) = params.names().find_map(|name| name.strip_prefix("classifier.")?.split_once('.')) {
        names = names.readout(&format!("classifier.{}", last.0));
    }
    names
}

/// What is exported again has the original's names, shapes and values, also where the original repeats a tensor.
fn compare_export(golden: &Golden, exported: &StateDict, params: &StateDict, report: &mut Report) {
    let aliases = golden.json["config"]["state_dict_aliases"].as_object().into_iter().flatten();
    let aliases = aliases.map(|(alias, name)| (alias.as_str(), name.as_str().unwrap()));
    let own = params.names().map(|name| (name, name));
    // the numbers of a power law are its type here
    for (name, of) in own.chain(aliases).filter(|(name, _)| !name.starts_with("supralin.")) {
        let (there, here) = (params.numbers(of), exported.numbers(name));
        let same = matches!((&there, &here), (Ok(there), Ok(here)) if there == here);
        report.must(same, || match here {
            Ok((shape, _)) => {
                format!("exported {name} of shape {shape:?} is not the {:?} of the original", there.unwrap().0)
            }
            Err(error) => format!("export: {error}"),
        });
    }
}

type FrameOf<M> = Tensor<FrameShape<M, usize, f32, Dev>, f32, Dev>;

fn frames<M: DynModel<f32, Dev>>(golden: &Golden) -> (usize, Vec<FrameOf<M>>) {
    let dev = device();
    let (batch, frames) = pixels(golden);
    let shape = (batch, M::Channels::default(), M::Height::default(), M::Width::default());
    (batch, frames.into_iter().map(|pixels| dev.tensor_from_vec(pixels, shape)).collect())
}

/// The size of the batch, and the pixels of all its images at each step.
fn pixels(golden: &Golden) -> (usize, Vec<Vec<f32>>) {
    let (shape, values) = golden.input();
    let [batch, steps] = [shape[0], shape[1]];
    let units: usize = shape[2..].iter().product();
    let frame = |t: usize| (0..batch).flat_map(|b| values[(b * steps + t) * units..][..units].to_vec()).collect();
    (batch, (0..steps).map(frame).collect())
}

type TracedStimulus<M> = Stimulus<FrameShape<M, usize, f32, Dev>, f32, Dev, OwnedTape<f32, Dev>>;

fn traced<M: DynModel<f32, Dev>>(mut frames: Vec<FrameOf<M>>, net: &M) -> TracedStimulus<M> {
    let (first, tape) = frames.remove(0).traced(net.alloc_grads()).split_tape();
    frames.insert(0, first);
    Stimulus::frames(frames, tape).training()
}

/// Compares what each area answered.
struct Each<'a> {
    golden: &'a Golden,
    report: &'a mut Report,
    batch: usize,
    steps: usize,
}

impl VisitAreas<Stacked, f32, Dev> for Each<'_> {
    fn area<S: Timed>(
        &mut self,
        name: &'static str,
        ours: &dynvision::unroll::Response<S, f32, Dev>,
    ) -> dynvision::error::Result<()> {
        self.compare(name, &ours.present, &ours.values.as_vec());
        Ok(())
    }
}

impl Each<'_> {
    fn compare(&mut self, name: &str, present: &[bool], values: &[f32]) {
        let golden = self.golden;
        let theirs = golden.json["config"]["layer_names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        // the original records neither frames as an adaption shows them nor the stem of a residual network
        if name == "input" || name == "stem" {
            return;
        }
        let Some(theirs) = theirs.into_iter().find(|theirs| theirs.to_lowercase() == name) else {
            self.report.must(false, || format!("the original has no area {name}"));
            return;
        };
        let mask: Vec<bool> = golden.values(&format!("response_mask/{theirs}")).iter().map(|&m| m != 0.0).collect();
        self.report.must(present == mask, || format!("{name} has a signal at {present:?}, there at {mask:?}"));
        match golden.get(&format!("response/{theirs}")) {
            Some((_, whole)) => self.report.forward(name, values, &whole),
            None => {
                let stride = golden.json["response_sample_stride"][theirs].as_u64().unwrap() as usize;
                let units = values.len() / (self.batch * self.steps);
                let sample: Vec<f32> =
                    values.chunks(units).flat_map(|step| step.iter().step_by(stride).copied()).collect();
                self.report.forward(name, &sample, &golden.values(&format!("response_sample/{theirs}")));
            }
        }
    }
}

/// Compares gradients by our names, for each of which `names` has those of the original.
fn compare_gradients(
    golden: &Golden,
    differently: &Differently,
    names: Vec<(String, Vec<String>)>,
    mut here: BTreeMap<String, Vec<f32>>,
    report: &mut Report,
) {
    let mut theirs: BTreeMap<String, String> = BTreeMap::new();
    for prefix in ["grad/", "grad_sample/"] {
        let stored = golden.stored(prefix);
        theirs.extend(stored.into_iter().map(|name| (name[prefix.len()..].to_lowercase(), name)));
    }
    let listed = |key: &str, name: &str| {
        golden.json[key]
            .as_array()
            .is_some_and(|all| all.iter().filter_map(Value::as_str).any(|n| n.to_lowercase() == name))
    };
    for (ours, names) in names {
        let Some(gradient) = here.remove(&ours) else { continue };
        let found = names.iter().find_map(|name| theirs.remove_entry(name));
        if names.iter().any(|name| differently.no_gradient.iter().any(|end| name.ends_with(end))) {
            continue;
        }
        match found {
            Some((_, stored)) => {
                let there = golden.values(&stored);
                let here = match stored.strip_prefix("grad_sample/") {
                    None => gradient,
                    Some(name) => {
                        let stride = golden.json["grad_sample_stride"][name].as_u64().unwrap() as usize;
                        gradient.into_iter().step_by(stride).take(there.len()).collect()
                    }
                };
                report.gradient(&ours, &here, &there);
            }
            None => {
                let none = names.iter().any(|name| listed("params_requiring_grad_with_grad_None", name));
                let zero = gradient.iter().all(|&g| g == 0.0);
                report.must(none && zero, || {
                    format!("gradient of {ours}: the original has none, and here it is not zero")
                });
            }
        }
    }
    theirs.retain(|name, _| !differently.no_gradient.iter().any(|end| name.ends_with(end)));
    report.must(theirs.is_empty(), || format!("no gradients here of {:?}", theirs.keys()));
}
