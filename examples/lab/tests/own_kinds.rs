//! A measure, a mask, an intervention and a figure of a crate of one's own, in one experiment: what is written here is all that they need.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use dfdx::prelude::*;
use dynvision::data::digits;
use dynvision::prelude::*;
use dynvision::protocol::noise::Draws;
use dynvision::protocol::{Duration, Masks};
use dynvision_lab::experiment::{Experiment, ResultTable, Runner};
use dynvision_lab::figure::{
    Axis, Drawing, Figure, FigureError, Ink, Line, Options, Page, Panel, Registry, Row, Series, Table,
};
use dynvision_lab::intervention::{Intervention, Interventions, Settings, When};
use dynvision_lab::measure::{Measure, Measures, Units};
use dynvision_lab::{Anatomy, Gallery, Parameter, Subject, Trained};
use std::sync::Arc;

#[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
struct Net {
    v1: RConv2d<1, 4>,
    v2: RConv2d<4, 6, 3, 2>,
    #[readout]
    classifier: Classifier<6, 10>,
}

/// Share of units that are active.
fn active(units: &Units<'_>) -> Option<f64> {
    let values = units.values();
    (!values.is_empty()).then(|| values.iter().filter(|x| **x > 0.0).count() as f64 / values.len() as f64)
}

/// The image, turned by half a circle.
fn turned(image: &[f32], [_, height, width]: [usize; 3], _: &mut dyn Draws) -> Vec<f32> {
    image.chunks(height * width).flat_map(|channel| channel.iter().rev().copied()).collect()
}

/// An area that is cooled: weights and biases into it are a share of what they were, from 8 ms on.
#[derive(Debug)]
struct Cooled {
    area: String,
    keep: f32,
}

impl Cooled {
    fn of(settings: &Settings) -> Result<Arc<dyn Intervention>, String> {
        let area = settings.get("area").and_then(|area| area.as_str()).ok_or("it needs `area`")?.to_string();
        let keep = settings.get("keep").and_then(|keep| keep.as_float()).ok_or("it needs `keep`")? as f32;
        Ok(Arc::new(Cooled { area, keep }))
    }
}

impl Intervention for Cooled {
    fn when(&self) -> When {
        When { start: Some(Duration::Ms(8.0)), end: None }
    }
    fn check(&self, model: &Anatomy) -> Result<(), String> {
        let known = model.areas.iter().any(|area| area.name == self.area);
        known.then_some(()).ok_or_else(|| format!("there is no area `{}` to cool", self.area))
    }
    fn changes(&self, _: &Anatomy, parameter: &Parameter) -> bool {
        parameter.name.split('.').next() == Some(&self.area)
    }
    fn change(&self, _: &Anatomy, _: &Parameter, values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x *= self.keep);
    }
}

/// One panel: a measure against time, a line for each condition.
struct Against;

impl Figure for Against {
    fn name(&self) -> &str {
        "against"
    }
    fn about(&self) -> &str {
        "a measure over time"
    }
    fn columns(&self) -> &[(&str, &str)] {
        &[("time_ms", "time in ms"), ("condition", "what varies"), ("value", "the measure")]
    }
    fn draw(&self, table: &Table, options: &Options) -> Result<Drawing, FigureError> {
        let line = |series: Series| Line::new(series.key("condition").to_string(), Ink::grey(), series);
        let lines = table.series("time_ms", &["condition"])?.into_iter().map(line).collect();
        let panel = Panel { x: Axis::new("time (ms)"), y: Axis::new("active units"), lines, ..Panel::new("v2") };
        Page::new("Active units", vec![Row::new(160.0, vec![panel])]).draw(options)
    }
}

const ASKED: &str = r#"
about = "what is left of v2 when v1 is cooled behind a mask"
measures = ["active", "response_avg"]

[protocol]
masking = { total = 12, intro = 1, stim = 2, asynchrony = 3, mask_for = 6, mask = { own = "turned" } }

[interventions.ice]
kind = "cooled"
area = "v2"
keep = 1.0

[vary]
"interventions.ice.keep" = [1.0, 0.0]
"#;

#[test]
fn an_experiment_of_parts_of_ones_own_runs_to_its_figure() {
    let (dev, set) = (Cpu::seed_from_u64(3), digits::test().unwrap());
    let subject = Trained::new(dev.build_module::<Net, f32>(), &dev).unwrap();
    let dynamics = subject.dynamics(&Default::default()).unwrap();
    let gallery = Gallery::of(&set).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runner = Runner::new(&subject, &gallery, folder.path())
        .images(0..4)
        .measures(Measures::built_in().with("active", "active", "share of active units", Measure::units(active)))
        .masks(Masks::default().with("turned", turned))
        .interventions(Interventions::built_in().with("cooled", Cooled::of));
    let wrong = ASKED.replace("area = \"v2\"", "area = \"v9\"");
    let error = runner.run(&Experiment::parse(&wrong).unwrap()).unwrap_err().to_string();
    assert!(error.contains("no area `v9` to cool"), "{error}");

    let results = runner.run(&Experiment::parse(ASKED).unwrap()).unwrap();
    let steps = results.table(ResultTable::Steps).unwrap();
    let numbers = |name: &str| steps.column(name).unwrap().numbers().unwrap();
    let (kept, time, response) = (numbers("interventions.ice.keep"), numbers("time_ms"), numbers("v2_response_avg"));
    let shares = numbers("v2_active");
    assert!(shares.iter().all(|share| share.is_some_and(|share| (0.0..=1.0).contains(&share))));
    let half = shares.len() / 2;
    let decay = 1.0 - dynamics.dt / dynamics.tau("v2");
    for row in 0..half {
        let other = row + half;
        assert_eq!((kept[row], kept[other], time[row]), (Some(1.0), Some(0.0), time[other]));
        if time[row] < Some(8.0) {
            assert_eq!((shares[row], response[row]), (shares[other], response[other]), "before it is cooled");
        } else {
            // without drive, a cooled area decays: x (1 - dt / tau) at each step
            let before = response[other - 1].unwrap();
            assert!(
                (response[other].unwrap() - decay * before).abs() < 1e-6 * before.max(1.0),
                "row {row}: {:?} {before}",
                response[other]
            );
        }
    }
    assert!((0..half).any(|row| response[row] > Some(1e-3)) && response[..half] != response[half..]);

    let mut figures = Registry::built_in();
    figures.add(Against).unwrap();
    let drawing = results.draw_from(&figures, "against", &Options::default()).unwrap();
    assert!(drawing.svg.contains("active units"), "{}", drawing.svg);
    // both conditions are lines of it
    let csv = &drawing.csv;
    assert!(["1", "0"].iter().all(|keep| csv.contains(keep)), "{csv}");
}
