//! The laboratory: what an experiment on a recurrent vision network measures, and the statistics over it.
//!
//! [`measure`] turns recorded activity into numbers, [`statistics`] turns numbers of several samples and seeds into means
//! with intervals. Both work on plain slices, so that they measure what any model, or any recording, gives. What runs
//! experiments and writes tables and figures is not part of the crate yet; it will follow and call these functions.
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

mod error;
pub mod figure;
pub mod measure;
pub mod report;
pub mod statistics;

pub use error::Error;
