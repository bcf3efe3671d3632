//! Exchange of weights with the original, the Python toolbox DynVision, by the names of its state dicts.
//!
//! In Python, with the original's model at hand, this saves a state dict:
//!
//! ```python
//! from safetensors.torch import save_file
//! state = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
//! save_file(state, "model.safetensors")
//! ```
//!
//! and this takes up what [`export`] wrote:
//!
//! ```python
//! from safetensors.torch import load_file
//! model.load_state_dict(load_file("model.safetensors"))
//! ```
//!
//! A model of the original makes the weights of its connections at the first forward in which a signal reaches them, and its
//! own loading drops them before that: run it over as many steps as the delays take before either. `.pt`, `.pth` and `.ckpt`
//! files are read without Python by [`pytorch`](super::pytorch).
//! `benches/interchange.py` does both with DyRCNNx2, DyRCNNx4 and DyRCNNx4 with feedback, and compares what the two answer
//! to the same images over 24 steps: the logits agree to 1e-5 of the largest. The original's own `load_state_dict` passes
//! over what does not fit; `torch.nn.Module.load_state_dict(model, state, strict=True)` does not.
//!
//! | here | there |
//! |---|---|
//! | `v1.conv.weight` | `V1.conv.weight` |
//! | `v1.recurrence.weight` (a convolution) | `V1.recurrence.conv.weight` |
//! | `v1.recurrence.weight` (one number) | `V1.recurrence.weight` |
//! | `v4_skip_v1.conv.weight` | `addskip_V4.conv.weight` |
//! | `v1_feedback_v4.conv.weight` | `addfeedback_V1.conv.weight` |
//! | `v1_tstep.tau`, or the model's `Dynamics` | `tau_V1`, `tstep_V1.tau`; the second alone in `DyRCNNx2`: [`Names::solver_taus`] |
//! | `v1_norm.scale`, `v1_gain.weight` (an operation) | `norm_V1.weight`, `gain_V1.weight` |
//! | `classifier.weight` | `classifier.2.weight` |
//! | `adaption.weight` | `input_adaption.recurrence.weight` |
//! | `conv.weight_g`, `conv.weight_v` | `conv.parametrizations.weight.original0`, `..original1` |
//! | `classifier.linear.weight`, `classifier.next.weight` (of a hidden layer, of what follows) | `classifier.2.weight`, `classifier.4.weight` |
//! | `stem.conv.weight`, `stem_norm.weight`, `classifier.weight` (of a model whose first area is a `stem`) | `conv1.weight`, `bn1.weight`, `fc.weight`, as in torchvision's residual networks |

use super::{StateDict, StateError};
use crate::file::StateNumber;
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::optim::Group;
use crate::parameters::{Parameter, each, each_mut, parameters};
use crate::time::{Link, LinkKind, Plan, Wiring};
use std::collections::{BTreeMap, BTreeSet};

/// How the original writes the names of areas and of the readout. Upper and lower case do not matter where names are read.
///
/// ```
/// use dynvision::interop::torch::Names;
/// let names = Names::default().area("l1", "L1");
/// assert_eq!((names.of("v1"), names.of("it"), names.of("layer1"), names.of("l1")),
///     ("V1".into(), "IT".into(), "layer1".into(), "L1".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    areas: BTreeMap<String, String>,
    readout: Option<String>,
    no_model_taus: bool,
}

impl Names {
    /// Area `ours` is `theirs` there.
    #[must_use]
    pub fn area(mut self, ours: &str, theirs: &str) -> Self {
        self.areas.insert(ours.into(), theirs.into());
        self
    }

    /// The linear map of the readout is `theirs` there, in place of `classifier.2`.
    #[must_use]
    pub fn readout(mut self, theirs: &str) -> Self {
        self.readout = Some(theirs.into());
        self
    }

    /// Time constants stand in the solvers alone there (`tstep_layer1.tau`), as in `DyRCNNx2`; the original's other models
    /// have each in a second place (`tau_V1`).
    #[must_use]
    pub fn solver_taus(mut self) -> Self {
        self.no_model_taus = true;
        self
    }

    /// The name of an area there: what [`area`](Self::area) says, else the field's name, the visual areas `v1`, `v2`, ..
    /// and `it` in capitals as in all of the original's models.
    pub fn of(&self, area: &str) -> String {
        let visual = area == "it" || area.strip_prefix('v').is_some_and(|n| n.parse::<u8>().is_ok());
        let usual = || if visual { area.to_uppercase() } else { area.to_string() };
        self.areas.get(area).cloned().unwrap_or_else(usual)
    }
}

/// Takes up a state dict of the original, all of it or nothing: weights, and time constants that are not trained, which
/// go to the model's dynamics.
///
/// Names that the original repeats for one tensor (`addskip_V4.source.conv.weight`, `tau_V1` and `tstep_V1.tau`) have to agree.
/// Numbers that stand in the declaration here (`supralin.n` and `supralin.k` of a model with that operation) have to be those
/// of the declaration. Those that stand in it otherwise (the tables of local recurrences) or follow from it (`n_residual_timesteps`), and the number of batches that a norm has seen, are passed
/// over. Numbers of a narrower type widen; [`StateDict::narrowed`] rounds wider ones.
///
/// # Errors
/// [`StateError::All`] with every tensor that is missing, of another shape or type, not finite, in contradiction with another
/// or of no use here, and every time constant that is none. The model is then as before.
pub fn import<E: Element, D: VisionDevice<E>, M: DynModel<E, D>>(
    net: &mut M,
    state: &StateDict,
) -> Result<(), StateError> {
    import_except(net, state, &[])
}

/// Imports all but the tensors of the names that `except` holds for, by our names and the patterns of a
/// [`Group`]: they stay as they are, for fine-tuning on something else. What the state dict has under their names, of
/// whatever shape, is passed over.
///
/// ```
/// use dynvision::interop::torch::{self, Names};
/// use dynvision::prelude::*;
/// dynvision::simple_rcnn!(struct Trained; input = [1, 4, 4], classes = 10);
/// dynvision::simple_rcnn!(struct Tuned; input = [1, 4, 4], classes = 3);
/// let dev = Cpu::default();
/// let published = torch::export(&dev.build_module::<Trained, f32>(), &Names::default())?;
/// let mut net = dev.build_module::<Tuned, f32>();
/// assert!(torch::import(&mut net, &published).is_err());
/// torch::import_except(&mut net, &published, &["classifier"])?;
/// # Ok::<(), dynvision::interop::StateError>(())
/// ```
///
/// # Errors
/// As [`import`] for the others; a pattern that holds for no tensor of the model.
pub fn import_except<E: Element, D: VisionDevice<E>, M: DynModel<E, D>>(
    net: &mut M,
    state: &StateDict,
    except: &[&str],
) -> Result<(), StateError> {
    let stay: Vec<Group> = except.iter().map(|&pattern| Group::named(pattern)).collect();
    let mut taken = taken(&parameters(net), &M::WIRING, state, size_of::<E>() == size_of::<f64>(), &stay)?;
    for (area, tau) in taken.taus.drain(..) {
        net.dynamics_mut().area(area).tau = Some(tau);
    }
    each_mut(net, |name, _, tensor| {
        // every name was checked, with its number of elements
        if let Some(values) = taken.values.remove(name) {
            let values: Vec<E> = values.into_iter().map(|value| E::from_f64(value).unwrap_or_default()).collect();
            tensor.set_values(&values);
        }
    });
    Ok(())
}

/// What a model takes up of a state dict: values by our names, and time constants by their areas.
struct Taken {
    values: BTreeMap<String, Vec<f64>>,
    taus: Vec<(&'static str, f64)>,
}

/// What a model with these tensors and areas takes up of a state dict, or all that is wrong with it. `wide` says whether
/// the model holds 64-bit numbers.
fn taken(
    all: &[Parameter],
    wiring: &Wiring,
    state: &StateDict,
    wide: bool,
    stay: &[Group],
) -> Result<Taken, StateError> {
    let mut found = Found::new(state);
    let mut values = BTreeMap::new();
    let unused = stay.iter().filter(|group| !all.iter().any(|parameter| group.matches(&parameter.name)));
    found.errors.extend(unused.map(|group| StateError::Pattern { pattern: group.pattern.clone() }));
    for parameter in all {
        let place = Place::of(parameter, all, wiring);
        if stay.iter().any(|group| group.matches(&parameter.name)) {
            let names = found.present(&place, wiring);
            found.used.extend(names);
            continue;
        }
        match found.parameter(parameter, &place, wiring, wide) {
            Ok(numbers) => _ = values.insert(parameter.name.clone(), numbers),
            Err(error) => found.errors.push(error),
        }
    }
    let taus = found.rest(wiring);
    if found.errors.is_empty() { Ok(Taken { values, taus }) } else { Err(StateError::All(found.errors)) }
}

/// The tensors of a state dict, those that have been used, and what is wrong with them.
struct Found<'a> {
    state: &'a StateDict,
    /// The names in small letters, and as they are written.
    names: BTreeMap<String, &'a str>,
    used: BTreeSet<&'a str>,
    errors: Vec<StateError>,
}

impl<'a> Found<'a> {
    fn new(state: &'a StateDict) -> Self {
        let (mut names, mut errors) = (BTreeMap::new(), Vec::new());
        for name in state.names() {
            if let Some(other) = names.insert(name.to_lowercase(), name) {
                let differ = "are the same name but for upper and lower case".to_string();
                errors.push(StateError::Contradiction { name: other.into(), other: name.into(), differ });
            }
        }
        Found { state, names, used: BTreeSet::new(), errors }
    }

    /// The elements of one parameter, whose copies under other names are to agree.
    fn parameter(
        &mut self,
        parameter: &Parameter,
        place: &Place,
        wiring: &Wiring,
        wide: bool,
    ) -> Result<Vec<f64>, StateError> {
        let present = self.present(place, wiring);
        // the copies of what is missing are not told as well
        self.used.extend(present.iter().copied());
        let Some(name) = place.names.iter().find_map(|name| self.names.get(name).copied()) else {
            return Err(missing(place.names.first().unwrap_or(&parameter.name), parameter));
        };
        let others = present.into_iter().filter(|other| *other != name);
        let (shape, numbers) = self.state.numbers(name)?;
        if squeezed(&shape) != squeezed(&parameter.shape) {
            let (expected, found) = (format!("{:?}", place.shape), format!("{shape:?}"));
            return Err(StateError::Mismatch { name: name.into(), expected, found });
        }
        self.state.check_finite(name)?;
        if self.state.is_wide(name) && !wide {
            // says how to narrow it
            self.state.get::<f32>(name, &shape)?;
        }
        if parameter.name.ends_with("_tstep.tau") {
            check_tau(name, &numbers)?;
        }
        for other in others {
            self.same(name, (&shape, &numbers), other)?;
        }
        Ok(numbers)
    }

    /// The names that are there of those that a parameter may have, copies included.
    fn present(&self, place: &Place, wiring: &Wiring) -> Vec<&'a str> {
        let lower =
            |name: &String| aliases(name, wiring, &Names::default()).into_iter().map(|name| name.to_lowercase());
        let copies: Vec<String> = place.names.iter().flat_map(lower).collect();
        place.names.iter().chain(&copies).filter_map(|name| self.names.get(name).copied()).collect()
    }

    /// Checks that a tensor that the original keeps twice is twice the same.
    fn same(&self, name: &str, (shape, numbers): (&[usize], &[f64]), other: &str) -> Result<(), StateError> {
        let (found, again) = self.state.numbers(other)?;
        let differ = if squeezed(&found) != squeezed(shape) {
            format!("are one tensor in the original, and are {shape:?} and {found:?} here")
        } else {
            match numbers.iter().zip(&again).position(|(a, b)| a != b) {
                None => return Ok(()),
                Some(at) => {
                    format!(
                        "are one tensor in the original, and differ here: {} and {} (element {at})",
                        numbers[at], again[at]
                    )
                }
            }
        };
        Err(StateError::Contradiction { name: name.into(), other: other.into(), differ })
    }

    /// Time constants that are no parameters here; everything else that no parameter has used is judged.
    fn rest(&mut self, wiring: &Wiring) -> Vec<(&'static str, f64)> {
        let mut taus: BTreeMap<&'static str, (&str, f64)> = BTreeMap::new();
        let left: Vec<(String, &'a str)> =
            self.names.iter().filter(|(_, name)| !self.used.contains(**name)).map(|(l, n)| (l.clone(), *n)).collect();
        for (lower, name) in left {
            let judged = match time_constant(&lower, wiring) {
                Some(area) => self.tau(name).and_then(|tau| match taus.insert(area, (name, tau)) {
                    Some((other, before)) if before != tau => {
                        let differ =
                            format!("are one time constant in the original, and are {before} and {tau} ms here");
                        Err(StateError::Contradiction { name: other.into(), other: name.into(), differ })
                    }
                    _ => Ok(()),
                }),
                None => self.passed_over(&lower, name, wiring),
            };
            self.errors.extend(judged.err());
        }
        taus.into_iter().map(|(area, (_, tau))| (area, tau)).collect()
    }

    fn tau(&self, name: &str) -> Result<f64, StateError> {
        let (shape, numbers) = self.state.numbers(name)?;
        match numbers[..] {
            [tau] => check_tau(name, &numbers).map(|()| tau),
            _ => Err(StateError::Mismatch {
                name: name.into(),
                expected: "one time constant for the area".into(),
                found: format!("{shape:?}"),
            }),
        }
    }

    /// Checks that a number is the one that the areas are declared with; those of the original are of single precision.
    fn as_declared(&self, lower: &str, name: &str, wiring: &Wiring) -> Result<(), StateError> {
        let (shape, numbers) = self.state.numbers(name)?;
        let [found] = numbers[..] else {
            let (expected, found) = ("one number".into(), format!("{shape:?}"));
            return Err(StateError::Mismatch { name: name.into(), expected, found });
        };
        let declared = wiring.areas.iter().flat_map(|area| area.numbers.iter().map(|number| (area.name, number)));
        let mut of_name = declared.filter(|(_, (own, _))| *own == lower);
        let found = found as f32;
        match of_name.find(|(_, (_, expected))| *expected as f32 != found) {
            Some((area, &(_, expected))) => Err(StateError::Declared { name: name.into(), area, expected, found }),
            None => Ok(()),
        }
    }

    /// Whether a tensor that nothing asks for may be there.
    fn passed_over(&self, lower: &str, name: &str, wiring: &Wiring) -> Result<(), StateError> {
        let unexpected = || Err(StateError::Unexpected { name: name.into() });
        if matches!(lower, "supralin.n" | "supralin.k") {
            return match wiring.areas.iter().any(|area| area.operations.contains(&"supralin")) {
                true => self.as_declared(lower, name, wiring),
                false => unexpected(),
            };
        }
        let Some((link, part)) = lower.split_once(".source.") else {
            return if declared(lower) { Ok(()) } else { unexpected() };
        };
        // a copy of something that is no parameter here, such as a table, in the area that the connection comes from
        let from =
            wiring.links.iter().filter(|of| link_name(of, wiring) == link).filter_map(|of| wiring.areas.get(of.from));
        let sources = from.map(|area| format!("{}.{part}", area.name.to_lowercase()));
        match sources.filter_map(|source| self.names.get(&source)).next() {
            Some(_) if declared(lower) => Ok(()),
            Some(source) => {
                let (shape, numbers) = self.state.numbers(source)?;
                self.same(source, (&shape, &numbers), name)
            }
            None if declared(lower) => Ok(()),
            None => unexpected(),
        }
    }
}

/// The part of the original that is a connection, in small letters.
fn link_name(link: &Link, wiring: &Wiring) -> String {
    let kind = match link.kind {
        LinkKind::Skip => "addskip",
        LinkKind::Feedback => "addfeedback",
    };
    match wiring.areas.get(link.into) {
        Some(area) => format!("{kind}_{}", area.name.to_lowercase()),
        None => "classifier.0".into(),
    }
}

/// What is missing; a connection's weights with the reason for it.
fn missing(theirs: &str, parameter: &Parameter) -> StateError {
    let connection = parameter.name.split('.').next().unwrap_or_default().to_string();
    if theirs.starts_with("addskip_") || theirs.starts_with("addfeedback_") {
        return StateError::Adaptor { name: theirs.into(), connection };
    }
    StateError::Missing { name: theirs.into() }
}

fn check_tau(name: &str, numbers: &[f64]) -> Result<(), StateError> {
    match numbers.iter().find(|tau| !(tau.is_finite() && **tau > 0.0)) {
        None => Ok(()),
        Some(tau) => Err(StateError::Text {
            name: name.into(),
            expected: "a time constant in ms: a finite number above 0",
            found: tau.to_string(),
        }),
    }
}

/// The model's weights and time constants by the original's names, with the names that the original repeats.
///
/// # Errors
/// [`StateError::Text`] where the dynamics are no valid ones.
pub fn export<E: Element + StateNumber, D: VisionDevice<E>, M: DynModel<E, D>>(
    net: &M,
    names: &Names,
) -> Result<StateDict, StateError> {
    let mut values: Vec<Vec<E>> = Vec::new();
    each(net, |_, _, tensor| values.push(tensor.values()));
    let plan = net.plan().map_err(|error| StateError::Text {
        name: "dynamics".into(),
        expected: "valid times",
        found: error.to_string(),
    })?;
    Ok(given(&parameters(net), values, &plan, &M::WIRING, names))
}

/// The state dict of a model with these tensors and areas.
fn given<E: Element + StateNumber>(
    all: &[Parameter],
    values: Vec<Vec<E>>,
    plan: &Plan,
    wiring: &Wiring,
    names: &Names,
) -> StateDict {
    let mut state = StateDict::default();
    let named = |(parameter, values): (&Parameter, Vec<E>)| {
        let place = Place::of(parameter, all, wiring);
        let name = place.names.first().map_or(parameter.name.clone(), |name| cased(name, wiring, names));
        (name, place.shape, values)
    };
    let mut written: Vec<_> = all.iter().zip(values).map(named).collect();
    for (i, area) in wiring.areas.iter().enumerate().filter(|(_, area)| area.operations.contains(&"tstep")) {
        let name = format!("tau_{}", names.of(area.name));
        if !written.iter().any(|(there, ..)| *there == name) {
            written.push((name, vec![], vec![E::from_f64(plan.area(i).tau).unwrap_or_default()]));
        }
    }
    let residual = E::from_usize(plan.residual()).unwrap_or_default();
    state.insert("n_residual_timesteps", &[], &[residual]);
    for (name, shape, values) in &written {
        if !(names.no_model_taus && name.starts_with("tau_")) {
            state.insert(name, shape, values);
        }
        for again in aliases(name, wiring, names) {
            state.insert(again, shape, values);
        }
    }
    state
}

/// The original's names of every tensor of a model, by ours, in the model's order; the first of them is the usual one.
/// They are in small letters.
pub fn names<E: Element, D: VisionDevice<E>, M: DynModel<E, D>>(net: &M) -> Vec<(String, Vec<String>)> {
    names_of(&parameters(net), &M::WIRING)
}

fn names_of(all: &[Parameter], wiring: &Wiring) -> Vec<(String, Vec<String>)> {
    all.iter().map(|parameter| (parameter.name.clone(), Place::of(parameter, all, wiring).names)).collect()
}

/// Where the original keeps a tensor.
struct Place {
    /// The names that it may have, in small letters.
    names: Vec<String>,
    /// Its shape there.
    shape: Vec<usize>,
}

impl Place {
    /// `all` are the model's tensors: the parts of a local recurrence have other names there.
    fn of(Parameter { name: ours, shape, .. }: &Parameter, all: &[Parameter], wiring: &Wiring) -> Place {
        let (field, part) = ours.split_once('.').unwrap_or((ours, ""));
        let lower = |name: String| parametrized(name.to_lowercase());
        let is_area = |name: &str| wiring.areas.iter().any(|area| area.name == name);
        // torchvision's residual networks, which the original takes over
        let residual = wiring.areas.first().is_some_and(|area| area.name == "stem");
        let torchvision = match (field, part.strip_prefix("conv.")) {
            ("stem", Some(part)) => Some(format!("conv1.{part}")),
            ("stem_norm", _) => Some(format!("bn1.{part}")),
            ("classifier", _) => Some(format!("fc.{part}")),
            _ => None,
        };
        if let (true, Some(name)) = (residual, torchvision) {
            return Place { names: vec![name], shape: shape.to_vec() };
        }
        if is_area(field) {
            let local = format!("{field}.recurrence.local.");
            let (part, shape) = layer_part(part, shape, all.iter().any(|other| other.name.starts_with(&local)));
            return Place { names: vec![lower(format!("{field}.{part}"))], shape };
        }
        let of_area =
            wiring.areas.iter().find_map(|area| Some((area.name, field.strip_prefix(area.name)?.strip_prefix('_')?)));
        let names = match of_area {
            Some((area, "tstep")) => vec![format!("{part}_{area}"), format!("tstep_{area}.{part}")],
            Some((area, operation)) if operation.strip_prefix("skip_").is_some_and(is_area) => {
                vec![format!("addskip_{area}.{part}")]
            }
            Some((area, operation)) if operation.strip_prefix("feedback_").is_some_and(is_area) => {
                vec![format!("addfeedback_{area}.{part}")]
            }
            Some((area, operation)) => vec![format!("{operation}_{area}.{part}")],
            None if field == "adaption" => {
                let name = format!("input_adaption.recurrence.{part}");
                return Place { names: vec![name], shape: vec![1] };
            }
            None if field == "retina" => vec![ours.replace("stages.conv.", "conv1.").replace("stages.", "")],
            None => readout_names(part),
        };
        Place { names: names.into_iter().map(lower).collect(), shape: shape.to_vec() }
    }
}

/// The names of a part of the readout there: behind a pooling and a flattening, each layer with the rectification before it
/// and, in AlexNet, dropout before all but the last.
fn readout_names(part: &str) -> Vec<String> {
    let depth = part.matches("next.").count();
    match (part.trim_start_matches("next."), depth) {
        (last, 0) if !last.starts_with("linear.") => {
            ["2.", "3.", ""].iter().map(|i| format!("classifier.{i}{last}")).collect()
        }
        (part, _) => match part.strip_prefix("linear.") {
            Some(hidden) => vec![format!("classifier.{}.{hidden}", 2 + 3 * depth)],
            None => vec![format!("classifier.{}.{part}", 1 + 3 * depth)],
        },
    }
}

/// What PyTorch calls the direction and the norms of a weight under weight normalisation.
fn parametrized(name: String) -> String {
    match name.strip_suffix(".weight_g") {
        Some(whose) => format!("{whose}.parametrizations.weight.original0"),
        None => match name.strip_suffix(".weight_v") {
            Some(whose) => format!("{whose}.parametrizations.weight.original1"),
            None => name,
        },
    }
}

/// The name and shape of a part of a layer there.
fn layer_part(part: &str, shape: &[usize], is_local: bool) -> (String, Vec<usize>) {
    let part = part.strip_prefix("stages.").unwrap_or(part);
    match (part.strip_prefix("recurrence."), shape) {
        // one number is kept as a list of one
        (Some(_), []) => (part.into(), vec![1]),
        (Some(own), _) => (format!("recurrence.{}", recurrence_part(own, is_local)), shape.to_vec()),
        (None, _) => (part.into(), shape.to_vec()),
    }
}

/// The name of a part of a recurrence there.
fn recurrence_part(part: &str, is_local: bool) -> String {
    match part.split_once('.') {
        None => format!("conv.{part}"),
        Some(("depthwise", part)) if is_local => format!("patchy_conv.{part}"),
        Some(("depthwise", part)) => format!("depthwise_conv.{part}"),
        Some(("pointwise", part)) => format!("pointwise_conv.{part}"),
        Some(("local", part)) => format!("local_conv.conv.{part}"),
        Some(_) => part.into(),
    }
}

/// A shape without its ones, in which the original's parts differ from ours.
fn squeezed(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&n| n != 1).collect()
}

/// The area whose time constant this is.
fn time_constant(lower: &str, wiring: &Wiring) -> Option<&'static str> {
    let name = lower.strip_prefix("tau_").or_else(|| lower.strip_prefix("tstep_")?.strip_suffix(".tau"))?;
    wiring.areas.iter().map(|area| area.name).find(|area| area.to_lowercase() == name)
}

/// Whether the declaration holds this here, or it follows from it.
fn declared(lower: &str) -> bool {
    let table = lower.ends_with(".flat_plane_mapping") || lower.ends_with(".flat_layer_mapping");
    table || lower.ends_with(".num_batches_tracked") || lower == "n_residual_timesteps"
}

/// The other names that the original has for a tensor.
fn aliases(name: &str, wiring: &Wiring, names: &Names) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(area) = name.strip_prefix("tau_") {
        all.push(format!("tstep_{area}.tau"));
    }
    if let Some(part) = name.strip_prefix("fc.") {
        all.push(format!("classifier.{part}"));
    }
    for link in wiring.links {
        let area = |i: usize| wiring.areas.get(i).map(|area| names.of(area.name));
        let kind = match link.kind {
            LinkKind::Skip => "addskip",
            LinkKind::Feedback => "addfeedback",
        };
        let Some(from) = area(link.from) else { continue };
        // also of a name in small letters
        let part = name.split_once('.').filter(|(head, _)| *head == from || *head == from.to_lowercase());
        if let Some((_, part)) = part {
            all.push(match area(link.into) {
                Some(into) => format!("{kind}_{into}.source.{part}"),
                None => format!("classifier.0.source.{part}"),
            });
        }
    }
    all
}

/// A name in small letters, with its area and the readout as the original writes them.
fn cased(name: &str, wiring: &Wiring, names: &Names) -> String {
    let (head, part) = name.split_once('.').map_or((name, String::new()), |(head, part)| (head, format!(".{part}")));
    for area in wiring.areas {
        let lower = area.name.to_lowercase();
        if let Some(operation) = head.strip_suffix(&lower).filter(|o| o.is_empty() || o.ends_with('_')) {
            return format!("{operation}{}{part}", names.of(area.name));
        }
    }
    match (&names.readout, name.strip_prefix("classifier.2.")) {
        (Some(readout), Some(part)) => format!("{readout}.{part}"),
        _ => name.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::zoo::DyRCNNx2;
    use dfdx::prelude::{Cpu, DeviceBuildExt};

    #[test]
    fn what_is_exported_is_imported_into_another_model() {
        let mut a = Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>();
        a.dynamics_mut().area("layer2").tau = Some(7.0);
        let state = export(&a, &Names::default()).unwrap();
        assert_eq!(state.get::<f32>("tau_layer2", &[]).unwrap(), [7.0]);
        let twice = "addskip_layer2.source.conv.weight";
        assert_eq!(state.numbers(twice).unwrap(), state.numbers("layer1.conv.weight").unwrap());
        let mut b = Cpu::seed_from_u64(2).build_module::<DyRCNNx2, f32>();
        import(&mut b, &state).unwrap();
        assert_eq!(b.dynamics().tau("layer2"), 7.0);
        assert_eq!(export(&b, &Names::default()).unwrap(), state);
    }

    #[test]
    fn every_difference_is_named_and_nothing_is_taken_up() {
        let mut net = Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>();
        let before = export(&net, &Names::default()).unwrap();
        let mut state = StateDict::default();
        for name in before.names().filter(|name| *name != "layer1.conv.bias") {
            let (shape, values) = before.numbers(name).unwrap();
            state.insert(name, &shape, &values.iter().map(|value| *value as f32 + 1.0).collect::<Vec<f32>>());
        }
        state.insert("classifier.2.bias", &[3], &[0.0f32; 3]);
        state.insert("layer3.conv.weight", &[1], &[0.0f32]);
        let error = import(&mut net, &state).unwrap_err().to_string();
        for told in ["no `layer1.conv.bias`", "`classifier.2.bias` is [3], expected [10]", "has `layer3.conv.weight`"] {
            assert!(error.contains(told), "{told} is not in {error}");
        }
        assert_eq!(error.lines().count(), 4);
        assert_eq!(export(&net, &Names::default()).unwrap(), before);
    }

    /// What is refused of a state dict that has these tensors in place of its own.
    fn refused(change: impl FnOnce(&mut StateDict)) -> String {
        let mut net = Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>();
        let before = export(&net, &Names::default()).unwrap();
        let mut state = before.clone();
        change(&mut state);
        let error = import(&mut net, &state).expect_err("a state dict that is wrong").to_string();
        assert_eq!(error.lines().count(), 2, "one difference: {error}");
        assert_eq!(export(&net, &Names::default()).unwrap(), before);
        error
    }

    #[test]
    fn time_constants_that_are_none_are_refused() {
        let both = |state: &mut StateDict, shape: &[usize], tau: &[f32]| {
            state.insert("tau_layer1", shape, tau);
            state.insert("tstep_layer1.tau", shape, &[5.0f32][..tau.len().min(1)]);
        };
        let only = |shape: &'static [usize], tau: &'static [f32]| {
            refused(move |state| {
                both(state, &[], &[5.0]);
                state.insert("tau_layer1", shape, tau);
            })
        };
        for (shape, tau, says) in [
            (&[4][..], &[5.0, 10.0, 20.0, 40.0][..], "`tau_layer1` is [4], expected one time constant"),
            (&[0], &[], "`tau_layer1` is [0], expected one time constant"),
            (&[], &[-3.0], "`tau_layer1` is \"-3\", expected a time constant"),
            (&[], &[0.0], "`tau_layer1` is \"0\""),
            (&[], &[f32::NAN], "`tau_layer1` is \"NaN\""),
            (&[], &[f32::INFINITY], "`tau_layer1` is \"inf\""),
            (
                &[],
                &[7.0],
                "`tau_layer1` and `tstep_layer1.tau` are one time constant in the original, and are 7 and 5 ms",
            ),
        ] {
            let error = only(shape, tau);
            assert!(error.contains(says), "{says} is not in {error}");
        }
    }

    #[test]
    fn what_is_there_twice_has_to_agree() {
        let error = refused(|state| {
            let (shape, mut bias) = state.numbers("layer1.conv.bias").unwrap();
            bias[2] += 1.0;
            let bias: Vec<f32> = bias.iter().map(|&value| value as f32).collect();
            state.insert("addskip_layer2.source.conv.bias", &shape, &bias);
        });
        for says in ["`layer1.conv.bias` and `addskip_layer2.source.conv.bias`", "0 and 1 (element 2)"] {
            assert!(error.contains(says), "{says} is not in {error}");
        }
        let error = refused(|state| {
            let (shape, bias) = state.numbers("layer1.conv.bias").unwrap();
            state.insert("Layer1.conv.bias", &shape, &bias);
        });
        assert!(error.contains("`Layer1.conv.bias` and `layer1.conv.bias` are the same name but for"), "{error}");
        let error = refused(|state| state.insert("addskip_layer2.source.gain", &[1], &[1.0f32]));
        assert!(error.contains("has `addskip_layer2.source.gain`"), "{error}");
        let error = refused(|state| state.insert("supralin.n", &[], &[1.8f32]));
        assert!(error.contains("has `supralin.n`"), "{error}");
    }

    #[test]
    fn an_exponent_that_is_another_is_refused_with_both() {
        #[crate::dyn_model(input = [1, 4, 4], operations = [layer, supralin, record, delay])]
        struct Power {
            #[area(supralin = crate::nn::SupraLinearity<1200>)]
            v1: crate::nn::RConv2d<1, 2>,
            #[readout]
            classifier: crate::nn::Classifier<2, 2>,
        }
        let mut net = Cpu::seed_from_u64(1).build_module::<Power, f32>();
        let mut state = export(&net, &Names::default()).unwrap();
        state.insert("supralin.n", &[], &[1.2f32]);
        state.insert("supralin.k", &[1], &[0.8f32]);
        import(&mut net, &state).unwrap();
        state.insert("supralin.n", &[], &[1.8f32]);
        let says = import(&mut net, &state).unwrap_err().to_string();
        assert!(says.contains("`supralin.n` is 1.8, and area `v1` is declared with 1.2"), "{says}");
        state.insert("supralin.n", &[2], &[1.2f32; 2]);
        assert!(import(&mut net, &state).unwrap_err().to_string().contains("`supralin.n` is [2], expected one number"));
    }

    #[test]
    fn a_connection_without_weights_is_named_with_its_cause() {
        let mut net = Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>();
        let whole = export(&net, &Names::default()).unwrap();
        let mut state = StateDict::default();
        for name in whole.names().filter(|name| !name.starts_with("addskip_layer2.conv")) {
            let (shape, values) = whole.numbers(name).unwrap();
            state.insert(name, &shape, &values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        }
        let error = import(&mut net, &state).unwrap_err().to_string();
        for says in ["`layer2_skip_layer1` has no weights", "first forward", "addskip_layer2.conv.weight"] {
            assert!(error.contains(says), "{says} is not in {error}");
        }
        assert!(!error.contains("another model"), "{error}");
    }

    #[test]
    fn numbers_widen_and_do_not_narrow_by_themselves() {
        let single = export(&Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>(), &Names::default()).unwrap();
        let mut double = Cpu::seed_from_u64(2).build_module::<DyRCNNx2, f64>();
        import(&mut double, &single).unwrap();
        let wide = export(&double, &Names::default()).unwrap();
        assert!(wide.names().all(|name| wide.numbers(name).unwrap() == single.numbers(name).unwrap()));
        let mut net = Cpu::seed_from_u64(3).build_module::<DyRCNNx2, f32>();
        assert!(import(&mut net, &wide).unwrap_err().to_string().contains("narrowed"));
        import(&mut net, &wide.narrowed().unwrap()).unwrap();
        assert_eq!(export(&net, &Names::default()).unwrap(), single);
    }

    #[test]
    fn what_is_left_out_stays_and_the_rest_is_taken_up() {
        let mut net = Cpu::seed_from_u64(1).build_module::<DyRCNNx2, f32>();
        let (of_readout, of_layer) = (net.classifier.weight.as_vec(), net.layer1.feedforward.weight.as_vec());
        let other = Cpu::seed_from_u64(2).build_module::<DyRCNNx2, f32>();
        let mut state = export(&other, &Names::default()).unwrap();
        // of another number of classes
        state.insert("classifier.2.weight", &[3, 7], &[f32::NAN; 21]);
        state.insert("classifier.2.bias", &[3], &[0.0f32; 3]);
        assert!(import(&mut net, &state).is_err());
        let says = import_except(&mut net, &state, &["classifier", "clasifier"]).unwrap_err().to_string();
        assert!(says.contains("`clasifier`") && !says.contains("classifier.2"), "{says}");
        assert_eq!(net.layer1.feedforward.weight.as_vec(), of_layer);
        import_except(&mut net, &state, &["classifier"]).unwrap();
        assert_eq!(net.classifier.weight.as_vec(), of_readout);
        assert_eq!(net.layer1.feedforward.weight.as_vec(), other.layer1.feedforward.weight.as_vec());
        // what is left out need not be there, and what is not left out must
        let mut without = StateDict::default();
        for name in state.names().filter(|name| !name.starts_with("classifier")) {
            let (shape, values) = state.numbers(name).unwrap();
            without.insert(name, &shape, &values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        }
        import_except(&mut net, &without, &["classifier"]).unwrap();
        assert!(
            import_except(&mut net, &without, &["layer1"]).unwrap_err().to_string().contains("classifier.2.weight")
        );
    }

    #[test]
    fn weights_that_are_not_finite_are_refused() {
        let error = refused(|state| state.insert("classifier.2.bias", &[10], &[f32::NAN; 10]));
        assert!(error.contains("`classifier.2.bias` is infinite or not a number in 10 of 10"), "{error}");
    }
}
