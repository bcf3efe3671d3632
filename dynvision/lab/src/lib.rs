//! The laboratory: experiments on recurrent vision networks, what they measure, and the statistics over it.
//!
//! [`experiment`] runs a protocol, a grid over its settings, [interventions](intervention) and measures on a trained model, and
//! keeps what it finds as [tables](table) and [responses](response). [`measure`] turns activity into numbers, [`statistics`]
//! turns numbers of several samples and seeds into means with intervals; both work on plain slices, so that they measure what any
//! model, or any recording, gives. All of the crate sees a model through [`Subject`]; [`Trained`] makes one of each that
//! `#[dyn_model]` declares.
//!
//! A [`Lab`] makes a program of models: [`models`] and data [`sets`] by name, settings in layers ([`config`]), [`run`]s with their
//! provenance, [`study`] and report of several, [`sweep`]s.
//!
//! # What is undefined is missing
//!
//! A measure that is undefined for its input (an accuracy where no step has a label, the standard deviation of one unit) is
//! `None`, never 0 and never NaN; [`Aggregate`](statistics::Aggregate) leaves it out of the mean and counts it. An input
//! that holds a NaN has no measure either.
//!
//! # The original
//!
//! "The original" is DynVision, the PyTorch toolbox. Where the crate defines a measure otherwise than it does, the original's
//! definition is kept in [`measure::legacy`] and [`statistics::legacy`], and is checked against its own numbers.
//!
//! ```
//! use dynvision_lab::{measure::{Window, peak_time}, statistics::t_interval};
//!
//! // Each trace is one seed's; the stimulus is shown in steps 1 and 2, and a step is 2 ms.
//! let window = Window::new(1, 3, 5)?;
//! let seeds = [[0., 0.2, 0.9, 0.4, 0.1], [0., 0.1, 0.5, 0.8, 0.2], [0., 0.1, 0.9, 0.3, 0.1]];
//! let times: Vec<f64> = seeds.iter().filter_map(|trace| peak_time(trace, window, 2.)).collect();
//! assert_eq!(times, [2., 4., 2.]);
//! let interval = t_interval(&times, 0.95).expect("three seeds have an interval");
//! assert_eq!(interval.n, 3);
//! assert!(interval.low < interval.estimate && interval.estimate < interval.high);
//! # Ok::<(), dynvision_lab::Error>(())
//! ```

mod anatomy;
mod cli;
pub mod config;
pub mod decode;
pub mod diagram;
mod error;
pub mod experiment;
pub mod figure;
mod gallery;
pub mod intervention;
mod lab;
mod lab_error;
pub mod measure;
mod model;
pub mod models;
pub mod prelude;
pub mod report;
pub mod response;
pub mod run;
mod run_error;
pub mod scaffold;
pub mod sets;
pub mod statistics;
pub mod study;
mod subject;
pub mod sweep;
pub mod table;

pub use anatomy::{Anatomy, AreaInfo, Connection, LinkInfo, Parameter, Role};
pub use error::Error;
pub use gallery::Gallery;
pub use lab::Lab;
pub use lab_error::LabError;
pub use model::Trained;
pub use run_error::RunError;
pub use subject::{Answer, Observer, Ready, Setting, Subject};

/// The code of the page on experiments is tested.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/experiments.md")]
pub struct ExperimentsPage;

/// The code of the page on the laboratory is tested.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/laboratory.md")]
pub struct LaboratoryPage;

#[cfg(test)]
mod tests {
    use crate::intervention::Interventions;
    use crate::measure::Measures;
    use dynvision::protocol::experiment::{Experiment, NAMES};

    #[test]
    fn every_built_in_experiment_names_figures_that_there_are() {
        let figures = crate::figure::Registry::built_in();
        for name in NAMES {
            let named = Experiment::named(name).and_then(Result::ok).map(|experiment| experiment.figures);
            for figure in named.unwrap_or_default() {
                if let Err(error) = figures.get(&figure) {
                    panic!("experiment `{name}`: {error}");
                }
            }
        }
    }

    #[test]
    fn the_page_of_experiments_names_all_that_there_is() {
        let page = include_str!("../../../docs/experiments.md");
        let (measures, kinds) = (Measures::built_in(), Interventions::built_in());
        for name in NAMES.iter().copied().chain(measures.names()).chain(kinds.kinds()) {
            assert!(page.contains(&format!("`{name}`")), "docs/experiments.md does not say `{name}`");
        }
    }

    #[test]
    fn every_built_in_experiment_names_measures_that_there_are() {
        let measures = Measures::built_in();
        for name in NAMES {
            let experiment = Experiment::named(name).and_then(Result::ok);
            let named = experiment.map(|experiment| experiment.measures).unwrap_or_default();
            assert!(!named.is_empty(), "{name} is no experiment, or measures nothing");
            for measure in named {
                if let Err(error) = measures.get(&measure, &Default::default()) {
                    panic!("experiment `{name}`: {error}");
                }
            }
        }
    }
}
