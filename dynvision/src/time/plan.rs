//! Milliseconds to steps.

use super::{Dynamics, LinkKind, Wiring, rule};
use crate::error::{Error, Result};
use std::fmt::{Display, from_fn};

/// A model's times in steps: what an unroll runs by.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Plan {
    /// Time step in ms.
    pub dt: f64,
    /// One for each area.
    pub areas: Vec<AreaPlan>,
    /// The model's own, for what happens to a frame before the first area.
    pub front: AreaPlan,
    /// For each link, which update of its source it reads: 1 is the newest.
    pub links: Vec<usize>,
    /// Steps without input before the stimulus.
    pub idle: usize,
    /// What every unit of a frame without input is.
    pub non_input: f64,
    /// Gradients are cut after every so many steps.
    pub truncate: Option<usize>,
    /// Responses of so many steps at a time are computed again when gradients go backward.
    pub recompute: Option<usize>,
    /// Whether recurrence, skip and feedback are off.
    pub feedforward_only: bool,
}

/// An area's times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AreaPlan {
    /// Time constant in ms.
    pub tau: f64,
    /// Time step in ms.
    pub dt: f64,
    /// Steps until the next area sees a response.
    pub feedforward: usize,
    /// Which update of its own state the recurrence reads: 1 is the newest.
    pub recurrence: usize,
    /// How many states it must keep for all that may read them.
    pub history: usize,
}

impl Default for AreaPlan {
    fn default() -> Self {
        AreaPlan::DEFAULT
    }
}

impl AreaPlan {
    /// One step of 2 ms, tau 5 ms, no delay.
    pub const DEFAULT: AreaPlan = AreaPlan { tau: 5.0, dt: 2.0, feedforward: 0, recurrence: 1, history: 1 };
}

/// Where the classical Runge-Kutta method ceases to be stable, in dt/tau; Euler's method does at 2, as its solver says.
const STABLE: f64 = 2.785_293_563_405_282;

/// A time in steps.
///
/// # Errors
/// [`Error::NotAMultiple`] if `ms` is no multiple of `dt` within 1e-6 steps; [`Error::Time`] if it is negative or not
/// finite.
///
/// ```
/// use dynvision::time::steps;
/// assert_eq!(steps("t_recurrence", 0.3, 0.1), Ok(3)); // floating point truncates this to 2
/// assert!(steps("t_recurrence", 5.0, 2.0).unwrap_err().to_string().contains("no multiple"));
/// ```
pub fn steps(name: impl Display, ms: f64, dt: f64) -> Result<usize> {
    if !(ms.is_finite() && ms >= 0.0) {
        return Err(Error::Time { name: name.to_string(), ms, must: "zero or positive" });
    }
    let n = ms / dt;
    if n.is_nan() || n > rule::MOST_STEPS {
        return Err(Error::Time { name: name.to_string(), ms, must: "at most 1048576 time steps dt" });
    }
    if !rule::is_multiple(ms, dt) {
        return Err(Error::NotAMultiple { name: name.to_string(), ms, dt });
    }
    Ok(n.round() as usize)
}

fn positive(name: impl Display, ms: f64) -> Result<f64> {
    if ms.is_finite() && ms > 0.0 { Ok(ms) } else { Err(Error::Time { name: name.to_string(), ms, must: "positive" }) }
}

impl Plan {
    /// The plan of a model with this wiring.
    ///
    /// A recurrence or feedback reads the state of an earlier step, so its delay is at least one step; a skip of delay 0
    /// reads this step's. Histories are sized from every reader.
    ///
    /// # Errors
    /// [`Error::NotAMultiple`], [`Error::Time`], [`Error::UnknownArea`], [`Error::Setting`].
    pub fn new(dynamics: &Dynamics, wiring: &Wiring) -> Result<Self> {
        let dt = positive("dt", dynamics.dt)?;
        if !dynamics.non_input.is_finite() {
            return Err(Error::Setting(format!("non_input = {} is not finite", dynamics.non_input)));
        }
        if dynamics.idle_steps as f64 > rule::MOST_STEPS {
            return Err(Error::Setting(format!("idle_steps = {} are more than 1048576 steps", dynamics.idle_steps)));
        }
        if let Some(name) = dynamics.areas.keys().find(|name| wiring.areas.iter().all(|area| area.name != **name)) {
            let areas = wiring.areas.iter().map(|area| area.name.to_string()).collect();
            return Err(Error::UnknownArea { name: name.clone(), areas });
        }
        let named = |name: &str| wiring.links.iter().any(|link| link.is_named(name, wiring));
        if let Some(name) = dynamics.links.keys().find(|name| !named(name)) {
            let links = wiring.links.iter().map(|link| link.name(wiring)).collect();
            return Err(Error::UnknownLink { name: name.clone(), links });
        }
        let mut areas = wiring.areas.iter().map(|area| area_plan(dynamics, area, dt)).collect::<Result<Vec<_>>>()?;
        let links =
            wiring.links.iter().map(|link| updates_ago(dynamics, link, wiring, dt)).collect::<Result<Vec<_>>>()?;
        for (link, &updates) in wiring.links.iter().zip(&links) {
            if let Some(from) = areas.get_mut(link.from) {
                from.history = from.history.max(updates);
            }
        }
        Ok(Plan {
            dt,
            areas,
            front: AreaPlan { tau: positive("tau", dynamics.tau)?, dt, ..AreaPlan::DEFAULT },
            links,
            idle: dynamics.idle_steps,
            non_input: dynamics.non_input,
            truncate: Some(dynamics.truncate_steps).filter(|&n| n > 0),
            recompute: Some(dynamics.recompute_steps).filter(|&n| n > 0),
            feedforward_only: dynamics.feedforward_only,
        })
    }

    /// The number of what is before the first area.
    pub const FRONT: usize = usize::MAX;

    /// The times of area number `area`, or of what is before the first one.
    pub fn area(&self, area: usize) -> &AreaPlan {
        self.areas.get(area).unwrap_or(&self.front)
    }

    /// Which update of its source link number `link` reads: 1 is the newest; `None` where links are off.
    pub fn link(&self, link: usize) -> Option<usize> {
        self.links.get(link).copied().filter(|_| !self.feedforward_only)
    }

    /// The sum of the areas' feedforward delays: before these steps the readout has no signal, unless a part between makes one
    /// of none (see [`residual_steps`](crate::train::residual_steps)).
    pub fn residual(&self) -> usize {
        self.areas.iter().map(|area| area.feedforward).sum()
    }
}

fn area_plan(dynamics: &Dynamics, area: &super::Area, dt: f64) -> Result<AreaPlan> {
    let (own, declared) = (dynamics.of(area.name), area.times);
    let named = |time: &'static str| from_fn(move |f| write!(f, "{time} of area `{}`", area.name));
    let pick = |own: Option<f64>, declared: Option<f64>, all: f64| own.or(declared).unwrap_or(all);
    let feedforward =
        steps(named("t_feedforward"), pick(own.t_feedforward, declared.t_feedforward, dynamics.t_feedforward), dt)?;
    let recurrence =
        steps(named("t_recurrence"), pick(own.t_recurrence, declared.t_recurrence, dynamics.t_recurrence), dt)?.max(1);
    let tau = positive(named("tau"), pick(own.tau, declared.tau, dynamics.tau))?;
    if area.operations.contains(&"tstep") && dt / tau > STABLE {
        return Err(Error::Setting(format!(
            "{} = {tau} ms is too short for dt = {dt} ms: no solver is stable beyond dt/tau = 2 (Euler) or 2.785 (Runge-Kutta), \
             and this is {:.3}; a smaller dt or a longer tau is stable",
            named("tau"),
            dt / tau
        )));
    }
    Ok(AreaPlan { tau, dt, feedforward, recurrence, history: feedforward.max(recurrence).max(1) })
}

fn updates_ago(dynamics: &Dynamics, link: &super::Link, wiring: &Wiring, dt: f64) -> Result<usize> {
    let set = dynamics.links.iter().find(|(name, _)| link.is_named(name, wiring)).map(|(_, ms)| *ms);
    let own = set.or(link.delay);
    let named = |time: &'static str| {
        from_fn(move |f| match own {
            Some(_) => write!(f, "delay of `{}`", link.name(wiring)),
            None => f.write_str(time),
        })
    };
    Ok(match link.kind {
        LinkKind::Skip => steps(named("t_skip"), own.unwrap_or(dynamics.t_skip), dt)? + 1,
        LinkKind::Feedback => steps(named("t_feedback"), own.unwrap_or(dynamics.t_feedback), dt)?.max(1),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failing test may panic
    use super::super::*;
    use crate::geometry::Map;

    const MAP: Map = Map::new(1, 4, 4);
    const fn area(name: &'static str) -> Area {
        Area {
            name,
            layer: "",
            operations: &[],
            input: MAP,
            response: MAP,
            output: MAP,
            times: AreaDynamics { tau: None, t_feedforward: None, t_recurrence: None },
            numbers: &[],
        }
    }
    const WIRING: Wiring = Wiring {
        name: "Net",
        input: MAP,
        areas: &[area("v1"), area("v2")],
        links: &[
            Link { kind: LinkKind::Skip, from: 0, into: 1, delay: None },
            Link { kind: LinkKind::Feedback, from: 1, into: 0, delay: Some(0.0) },
        ],
    };

    #[test]
    fn every_reader_sizes_the_history() {
        let dynamics = Dynamics { t_skip: 20.0, ..Dynamics::default() };
        let plan = Plan::new(&dynamics, &WIRING).unwrap();
        assert_eq!(plan.links, [11, 1]);
        assert_eq!((plan.areas[0].history, plan.areas[1].history), (11, 3));
    }

    #[test]
    fn links_are_known_by_their_names() {
        for link in WIRING.links {
            let name = link.name(&WIRING);
            assert!(link.is_named(&name, &WIRING));
            for other in ["", "v1", "v2_skip_", "_v1", &name[1..], &name[..name.len() - 1], &format!("{name}0")] {
                assert!(!link.is_named(other, &WIRING), "{other}");
            }
        }
        assert_eq!(
            WIRING.links.iter().map(|link| link.name(&WIRING)).collect::<Vec<_>>(),
            ["v2_skip_v1", "v1_feedback_v2"]
        );
        let mut dynamics = Dynamics::default();
        dynamics.links.insert("v2_skip_v1".into(), 6.0);
        assert_eq!(Plan::new(&dynamics, &WIRING).unwrap().links, [4, 1]);
    }

    #[test]
    fn a_delay_is_at_least_one_step_where_only_the_past_can_be_read() {
        let dynamics = Dynamics { t_recurrence: 0.0, ..Dynamics::default() };
        assert_eq!(Plan::new(&dynamics, &WIRING).unwrap().areas[0].recurrence, 1);
    }

    /// What the macro refuses is what the library refuses.
    #[test]
    fn the_macro_has_the_same_rule() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |file: &str| std::fs::read_to_string(crates.join(file)).unwrap();
        assert_eq!(read("src/time/rule.rs"), read("../dynvision-macros/src/rule.rs"));
    }

    #[test]
    fn mistakes_are_named() {
        let says = |dynamics: Dynamics| Plan::new(&dynamics, &WIRING).unwrap_err().to_string();
        assert!(says(Dynamics { dt: 0.0, ..Dynamics::default() }).contains("dt = 0 ms must be positive"));
        assert!(says(Dynamics { idle_steps: usize::MAX, ..Dynamics::default() }).contains("idle_steps"));
        assert!(
            says(Dynamics { t_feedforward: 3.0, ..Dynamics::default() })
                .contains("nearest multiples are 2 ms and 4 ms")
        );
        let mut dynamics = Dynamics::default();
        dynamics.area("v3").tau = Some(1.0);
        assert!(says(dynamics).contains("`v3`"));
        let mut dynamics = Dynamics::default();
        dynamics.area("v1").tau = Some(f64::NAN);
        assert!(says(dynamics).contains("tau of area `v1`"));
        // never an infinite number of steps, nor more states than there could be
        assert!(says(Dynamics { t_recurrence: 1e300, ..Dynamics::default() }).contains("at most 1048576"));
        assert!(says(Dynamics { dt: 1e-320, ..Dynamics::default() }).contains("at most 1048576"));
    }

    #[test]
    fn a_step_beyond_every_solvers_stability_is_refused() {
        const STEPPED: Wiring =
            Wiring { areas: &[Area { operations: &["layer", "tstep"], ..area("v1") }], links: &[], ..WIRING };
        for (tau, stable) in [(2.0 / 2.786, false), (2.0 / 2.785, true), (1e-30, false), (0.5, false)] {
            let mut dynamics = Dynamics::default();
            dynamics.area("v1").tau = Some(tau);
            let plan = Plan::new(&dynamics, &STEPPED);
            assert_eq!(plan.is_ok(), stable, "{tau}");
            assert!(plan.is_ok() || plan.unwrap_err().to_string().contains("tau of area `v1`"));
            // where nothing steps in time, tau has no meaning
            assert!(Plan::new(&dynamics, &WIRING).is_ok());
        }
    }
}
