//! Models that `#[dyn_model]` declares, as subjects: the only place of the crate that calls them.

use crate::anatomy::{Anatomy, AreaInfo, Connection, LinkInfo, Parameter};
use crate::intervention::Intervention;
use crate::run_error::RunError;
use crate::subject::{Answer, Observer, Ready, Setting, Subject};
use dfdx::prelude::{Cpu, HasShape, NoneTape};
use dynvision::error::Error;
use dynvision::geometry::Map;
use dynvision::kernels::{Maps, VisionDevice, view};
use dynvision::model::{DynModel, Frame};
use dynvision::parameters;
use dynvision::protocol::Frames;
use dynvision::stream::Stream;
use dynvision::time::{Dynamics, LinkKind};
use dynvision::train::residual_steps;
use dynvision::unroll::{Context, Discard, Recording, State, Steps, Timed, VisitAreas};
use sha2::{Digest, Sha256};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A trained model on its device.
///
/// ```
/// use dynvision::prelude::*;
/// use dynvision_lab::{Subject, Trained};
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<dynvision::zoo::DyRCNNx2, f32>();
/// let subject = Trained::new(net, &dev)?;
/// assert_eq!(subject.anatomy().areas[0].name, "layer1");
/// assert_eq!(subject.anatomy().classes, 10);
/// # Ok::<(), dynvision_lab::RunError>(())
/// ```
#[derive(Debug)]
pub struct Trained<M, D> {
    model: M,
    device: D,
    anatomy: Anatomy,
    checksum: String,
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Trained<M, D> {
    /// Returns a model as a subject.
    ///
    /// # Errors
    ///
    /// Those of its dynamics.
    pub fn new(model: M, device: &D) -> Result<Self, RunError> {
        model.plan()?;
        let anatomy = anatomy(&model)?;
        let mut hash = Sha256::new();
        parameters::each(&model, |name, _, tensor| {
            hash.update(name.as_bytes());
            tensor.sizes().iter().for_each(|&size| hash.update((size as u64).to_le_bytes()));
            tensor.values().iter().for_each(|x| hash.update(x.to_le_bytes()));
        });
        let checksum = crate::experiment::hex(&hash.finalize());
        Ok(Trained { model, device: device.clone(), anatomy, checksum })
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model with these time constants, and with what is done to it.
    fn copy(&self, dynamics: &Dynamics, done: &[&Arc<dyn Intervention>]) -> Result<M, RunError> {
        // a clone shares its values until they are set
        let mut model = self.model.clone();
        let mut dynamics = dynamics.clone();
        done.iter().for_each(|intervention| intervention.dynamics(&self.anatomy, &mut dynamics));
        *model.dynamics_mut() = dynamics;
        let named = &self.anatomy.parameters;
        parameters::each_mut(&mut model, |name, _, tensor| {
            let Some(parameter) = named.iter().find(|p| p.name == name) else { return };
            let mut changes = done.iter().filter(|i| i.changes(&self.anatomy, parameter)).peekable();
            if changes.peek().is_some() {
                let mut values = tensor.values();
                changes.for_each(|i| i.change(&self.anatomy, parameter, &mut values));
                tensor.set_values(&values);
            }
        });
        model.plan()?;
        Ok(model)
    }
}

/// The names of the areas, of which each keeps nothing yet.
struct Names(Vec<&'static str>);

impl<D: VisionDevice<f32>> VisitAreas<Steps, f32, D> for Names {
    fn area<S: Timed>(&mut self, name: &'static str, _: &Recording<f32, D>) -> Result<(), Error> {
        self.0.push(name);
        Ok(())
    }
}

fn anatomy<M: DynModel<f32, D>, D: VisionDevice<f32>>(model: &M) -> Result<Anatomy, RunError> {
    let wiring = M::WIRING;
    let mut names = Names(Vec::new());
    M::visit_areas(&model.observers::<Steps, usize>(), &mut names)?;
    let shape = |map: Map| [map.c, map.h, map.w];
    let area = |name: &&str| match wiring.areas.iter().find(|area| area.name == *name) {
        Some(area) => AreaInfo {
            name: area.name.into(),
            shape: shape(area.response),
            operations: area.operations.iter().map(|operation| operation.to_string()).collect(),
        },
        // the adaption of the input
        None => AreaInfo { name: name.to_string(), shape: shape(wiring.input), operations: Vec::new() },
    };
    let areas: Vec<AreaInfo> = names.0.iter().map(area).collect();
    let of = |number: usize| wiring.areas.get(number).map(|area| area.name.to_string());
    let link = |link: &dynvision::time::Link| LinkInfo {
        name: link.name(&wiring),
        kind: if link.kind == LinkKind::Skip { Connection::Skip } else { Connection::Feedback },
        from: of(link.from).unwrap_or_default(),
        into: of(link.into),
    };
    let links: Vec<LinkInfo> = wiring.links.iter().map(link).collect();
    let parameters = parameters::parameters(model)
        .into_iter()
        .map(|p| Parameter { role: Anatomy::role(&areas, &links, &p.name), name: p.name, sizes: p.shape })
        .collect();
    let classes = <M::Classes as dfdx::prelude::ConstDim>::SIZE;
    Ok(Anatomy { name: wiring.name.into(), frame: shape(wiring.input), classes, areas, links, parameters })
}

/// These dynamics with some of them set.
fn with_settings(dynamics: &Dynamics, settings: &toml::Table) -> Result<Dynamics, RunError> {
    let refused = |reason: String| RunError::Setting(format!("settings of the model: {reason}"));
    let mut own = match toml::Value::try_from(dynamics) {
        Ok(toml::Value::Table(table)) => table,
        other => return Err(refused(format!("its dynamics are no table: {other:?}"))),
    };
    let known: Vec<String> = own.keys().cloned().chain(["areas", "links"].map(String::from)).collect();
    for (key, value) in settings {
        let key = if key == "idle" { "idle_steps" } else { key.as_str() };
        if !known.iter().any(|known| known == key) {
            return Err(crate::Error::unknown("setting of a model", key, known.iter().map(String::as_str)).into());
        }
        own.insert(key.into(), value.clone());
    }
    toml::Value::Table(own).try_into().map_err(|error: toml::de::Error| refused(error.message().to_string()))
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Subject for Trained<M, D> {
    fn anatomy(&self) -> &Anatomy {
        &self.anatomy
    }

    fn dynamics(&self, settings: &toml::Table) -> Result<Dynamics, RunError> {
        with_settings(self.model.dynamics(), settings)
    }

    fn checksum(&self) -> &str {
        &self.checksum
    }

    fn prepare<'a>(&'a self, setting: &Setting, steps: usize) -> Result<Box<dyn Ready + 'a>, RunError> {
        let dynamics = self.dynamics(&setting.model)?;
        for intervention in &setting.interventions {
            if let Err(reason) = intervention.check(&self.anatomy) {
                return Err(RunError::Setting(format!(
                    "{intervention:?} cannot be done to `{}`: {reason}",
                    self.anatomy.name
                )));
            }
        }
        let active: Vec<Range<usize>> = setting
            .interventions
            .iter()
            .map(|intervention| intervention.when().steps(dynamics.dt, steps))
            .collect::<Result<_, _>>()?;
        let mut edges: Vec<usize> =
            active.iter().flat_map(|range| [range.start, range.end]).chain([0, steps]).collect();
        edges.sort_unstable();
        edges.dedup();
        let resting = Dynamics { idle_steps: 0, ..dynamics.clone() };
        // one model for each set of interventions that act together
        let mut models: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut built = Vec::new();
        let mut of = |acting: Vec<usize>| -> Result<usize, RunError> {
            if let Some(&known) = models.get(&acting) {
                return Ok(known);
            }
            let done: Vec<_> = acting.iter().filter_map(|&i| setting.interventions.get(i)).collect();
            built.push(self.copy(&resting, &done)?);
            models.insert(acting, built.len() - 1);
            Ok(built.len() - 1)
        };
        let mut phases = Vec::new();
        for edge in edges.windows(2) {
            let &[start, end] = edge else { continue };
            let acts = |range: &Range<usize>| range.start <= start && end <= range.end;
            let acting: Vec<usize> = (0..active.len()).filter(|&i| active.get(i).is_some_and(acts)).collect();
            let currents =
                acting.iter().filter_map(|&i| setting.interventions.get(i)).filter(|i| i.injects().is_some());
            let currents = currents.cloned().collect();
            phases.push(Phase { steps: start..end, model: of(acting)?, currents });
        }
        let idling =
            |i: &usize| setting.interventions.get(*i).is_some_and(|i| i.when().idles() && i.injects().is_none());
        let idle = of((0..active.len()).filter(idling).collect())?;
        Ok(Box::new(Prepared { subject: self, dynamics, models: built, phases, idle, rested: Vec::new() }))
    }
}

/// Some steps with the interventions that act in them.
struct Phase {
    steps: Range<usize>,
    /// The number of the model.
    model: usize,
    currents: Vec<Arc<dyn Intervention>>,
}

struct Prepared<'m, M: DynModel<f32, D>, D: VisionDevice<f32>> {
    subject: &'m Trained<M, D>,
    dynamics: Dynamics,
    models: Vec<M>,
    phases: Vec<Phase>,
    /// The number of the model that idles.
    idle: usize,
    /// By the size of the batch: what the idle steps lead to, which no image changes.
    rested: Vec<Rested<M, D>>,
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Drop for Prepared<'_, M, D> {
    fn drop(&mut self) {
        // memory that could not be given back is given back with the device
        let _ = self.subject.device.try_empty_cache();
    }
}

struct Rested<M: DynModel<f32, D>, D: VisionDevice<f32>> {
    batch: usize,
    state: M::Areas<State, usize>,
    /// What the last idle step answered.
    last: M::Areas<Steps, usize>,
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Prepared<'_, M, D> {
    fn model(&self, number: usize) -> Result<&M, RunError> {
        // each phase has been given a model that is there
        self.models.get(number).ok_or_else(|| RunError::Setting(format!("there is no model number {number}")))
    }

    fn frame(&self, batch: usize, values: &[f32]) -> Result<Frame<M, usize, f32, D>, RunError> {
        let shape = (batch, Default::default(), Default::default(), Default::default());
        let mut tensor = self.subject.device.try_zeros_like(&shape).map_err(Error::device)?;
        tensor.copy_from(values);
        Ok(tensor)
    }

    /// Runs the idle steps, once for each size of batch.
    fn rest(&mut self, batch: usize) -> Result<usize, RunError> {
        if let Some(known) = self.rested.iter().position(|rested| rested.batch == batch) {
            return Ok(known);
        }
        let model = self.model(self.idle)?;
        let (mut state, mut last) = (model.reset::<usize>(), model.observers::<Steps, usize>());
        let idle = self.dynamics.idle_steps;
        if idle > 0 {
            let units = self.subject.anatomy.frame.iter().product::<usize>();
            let null = self.frame(batch, &vec![self.dynamics.non_input as f32; batch * units])?;
            let mut cx = Context::new(NoneTape, model.plan()?);
            cx.set_step(None);
            for step in 0..idle {
                cx.show(&null);
                if step + 1 < idle {
                    model.advance::<Discard, _, _>(null.clone(), &mut state, &mut model.observers(), &mut cx)?;
                } else {
                    model.advance(null.clone(), &mut state, &mut last, &mut cx)?;
                }
            }
        }
        self.rested.push(Rested { batch, state, last });
        Ok(self.rested.len() - 1)
    }
}

/// Shows what areas answered to an observer.
struct Show<'a> {
    observer: &'a mut dyn Observer,
    /// The step of the first answer; none for the idle step.
    first: Option<usize>,
    area: usize,
    error: Option<RunError>,
}

impl<D: VisionDevice<f32>> VisitAreas<Steps, f32, D> for Show<'_> {
    fn area<S: Timed>(&mut self, _: &'static str, recording: &Recording<f32, D>) -> Result<(), Error> {
        for (place, answer) in recording.responses().enumerate() {
            let step = self.first.map(|first| first + place);
            let shown = match answer {
                None => self.observer.area(step, self.area, None),
                Some(tensor) => {
                    let &(_, c, h, w) = tensor.shape();
                    let shape = [c, h, w];
                    // without a copy where the units are in this memory
                    let here = (tensor as &dyn Any).downcast_ref::<Maps<f32, Cpu>>().and_then(view);
                    match here {
                        Some(values) => self.observer.area(step, self.area, Some(Answer { values, shape })),
                        None => self.observer.area(step, self.area, Some(Answer { values: &tensor.as_vec(), shape })),
                    }
                }
            };
            if let Err(error) = shown {
                self.error = Some(error);
                return Err(Error::Setting("the observer failed".into()));
            }
        }
        self.area += 1;
        Ok(())
    }
}

fn show<M: DynModel<f32, D>, D: VisionDevice<f32>>(
    answers: &M::Areas<Steps, usize>,
    first: Option<usize>,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let mut show = Show { observer, first, area: 0, error: None };
    let shown = M::visit_areas(answers, &mut show);
    match (show.error, shown) {
        (Some(error), _) => Err(error),
        (None, shown) => Ok(shown?),
    }
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Ready for Prepared<'_, M, D> {
    fn dynamics(&self) -> &Dynamics {
        &self.dynamics
    }

    fn residual(&self) -> Result<usize, RunError> {
        Ok(residual_steps(self.model(self.idle)?, &self.subject.device)?)
    }

    fn run(
        &mut self,
        frames: &Frames,
        images: &[usize],
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        // what one batch frees is what the next one needs
        self.subject.device.try_enable_cache().map_err(dynvision::error::Error::device)?;
        let [batch, c, h, w] = frames.shape;
        let anatomy = &self.subject.anatomy;
        if [c, h, w] != anatomy.frame || batch != images.len() {
            return Err(RunError::Setting(format!(
                "frames of {batch} images of {:?} do not fit `{}`, which takes {:?}",
                [c, h, w],
                anatomy.name,
                anatomy.frame
            )));
        }
        let rested = self.rest(batch)?;
        let Some(rested) = self.rested.get(rested) else { return Ok(()) };
        show::<M, D>(&rested.last, None, observer)?;
        let mut state = rested.state.clone();
        // a frame that is shown again is sent to the device once
        let mut sent: Option<(usize, Frame<M, usize, f32, D>)> = None;
        for phase in &self.phases {
            let model = self.model(phase.model)?;
            let mut stream = Stream::new(model, state)?.seeded(seed.wrapping_add(phase.steps.start as u64));
            for step in phase.steps.clone() {
                let Some(&shown) = frames.shown.get(step) else { break };
                let frame = match &sent {
                    Some((known, frame)) if *known == shown => frame.clone(),
                    _ => {
                        let values = frames.frames.get(shown).map(Vec::as_slice).unwrap_or_default();
                        if values.len() != batch * c * h * w {
                            return Err(RunError::Setting(format!("frame {shown} is not of {:?}", frames.shape)));
                        }
                        let frame = self.frame(batch, values)?;
                        sent = Some((shown, frame.clone()));
                        frame
                    }
                };
                for intervention in &phase.currents {
                    self.inject(&mut stream, intervention.as_ref(), step, images, seed)?;
                }
                // each answer is seen while it is in the cache of the processor, and its memory is that of the next one
                let mut seen = model.observers::<Steps, usize>();
                let logits = stream.try_observe(frame, &mut seen)?;
                show::<M, D>(&seen, Some(step), observer)?;
                observer.logits(step, &logits.as_vec())?;
            }
            state = stream.into_state();
        }
        Ok(())
    }
}

impl<M: DynModel<f32, D>, D: VisionDevice<f32>> Prepared<'_, M, D> {
    /// Injects the current of a step.
    fn inject(
        &self,
        stream: &mut Stream<'_, M, usize, f32, D>,
        intervention: &dyn Intervention,
        step: usize,
        images: &[usize],
        seed: u64,
    ) -> Result<(), RunError> {
        let Some((_, area)) = intervention.injects().and_then(|name| self.subject.anatomy.area(name)) else {
            return Ok(());
        };
        let [c, h, w] = area.shape;
        let mut values = vec![0.; images.len() * area.units()];
        for (values, &image) in values.chunks_exact_mut(area.units().max(1)).zip(images) {
            intervention.current(area, step, image, seed, values);
        }
        let shape = (images.len(), c, h, w);
        let mut current: Maps<f32, D> = self.subject.device.try_zeros_like(&shape).map_err(Error::device)?;
        current.copy_from(&values);
        Ok(stream.inject(area.name.as_str(), current)?)
    }
}
