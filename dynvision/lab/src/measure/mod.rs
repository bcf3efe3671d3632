//! Measures: numbers from recorded activity, one file each.
//!
//! | of | measures |
//! |---|---|
//! | the units of one sample and step | [`response_avg`], [`response_std`], [`spatial_variance`], [`feature_variance`], [`sparseness`], [`activity`], [`synaptic_operations`] |
//! | the logits of one sample and step | [`guess`], [`confidence`], [`entropy`], [`top_k`], [`correct_top_k`] |
//! | guesses and labels | [`correct`], [`accuracy`], [`first_label`], [`label_indicator`] |
//! | a trace, one value a step | [`peak_time`], [`peak_height`], [`latency`], [`time_to_half_maximum`], [`steady_state`], [`adaptation_index`], [`peak_ratio`], [`temporal_summation`] |
//! | the logits of one sample in time | [`reaction`] |
//! | many stimuli | [`Rdm`], [`dimensionality`], [`classifier_top_k`] |
//! | traces that are drawn together | [`normalise`], [`pad_front`], [`shift`] |
//!
//! [`Measures`] has them by name, as experiments call them, with a user's own beside them; [`Measure`] says what kinds there are.
//!
//! Traces begin with the first frame after the idle steps, and their [`Window`]s are given in steps of the same count. All
//! times are in ms from the onset of the window.

mod accuracy;
mod adaptation_index;
mod align;
mod argmax;
mod baseline;
mod built_in;
mod confidence;
mod dimensionality;
mod energy;
mod feature_variance;
mod first_label;
mod guess;
mod kind;
mod label_indicator;
mod latency;
pub mod legacy;
mod normalise;
mod peak;
mod peak_ratio;
mod rdm;
mod reaction;
mod registry;
mod response;
mod set_dimensionality;
mod set_rdm;
mod sparseness;
mod spatial_variance;
mod steady_state;
mod temporal_summation;
mod time_to_half_maximum;
mod top_k;
mod window;

pub use accuracy::{accuracy, correct};
pub use adaptation_index::adaptation_index;
pub use align::{pad_front, shift};
pub use baseline::{baseline, baseline_threshold};
pub use confidence::{confidence, entropy};
pub use dimensionality::dimensionality;
pub use energy::{activity, synaptic_operations};
pub use feature_variance::feature_variance;
pub use first_label::first_label;
pub use guess::guess;
pub use kind::{
    DecisionMeasure, Extent, Measure, Moments, Patterns, ReadoutMeasure, Schedule, SetMeasure, SetMeasures, SetValue,
    StepLabels, TraceMeasure, UnitMeasure, Units,
};
pub use label_indicator::label_indicator;
pub use latency::latency;
pub use normalise::normalise;
pub use peak::{peak_height, peak_time};
pub use peak_ratio::peak_ratio;
pub use rdm::Rdm;
pub use reaction::{Criterion, Reaction, reaction};
pub use registry::{Measures, Settings};
pub use response::{response_avg, response_std};
pub use sparseness::sparseness;
pub use spatial_variance::spatial_variance;
pub use steady_state::steady_state;
pub use temporal_summation::temporal_summation;
pub use time_to_half_maximum::time_to_half_maximum;
pub use top_k::{classifier_top_k, correct_top_k, top_k};
pub use window::Window;
