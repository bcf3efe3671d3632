//! A laboratory: a binary made of models.

use crate::lab_error::LabError;
use crate::models::{Models, OnDevices};
use crate::sets::{Set, Sets};
use std::process::ExitCode;

/// A laboratory: models and data sets, and the command line that does everything with them.
///
/// ```
/// use dynvision::prelude::*;
/// use dynvision_lab::Lab;
///
/// #[dyn_model(input = [1, 8, 8], operations = [layer, tstep, nonlin, record, delay])]
/// pub struct MyNet<R: Recurrence = Full> {
///     #[area]
///     v1: RConv2d<1, 4, 3, 1, R>,
///     #[readout]
///     classifier: Classifier<4, 10>,
/// }
///
/// let lab = Lab::new().model::<MyNet>("my-net").model::<MyNet<SelfRecurrence>>("my-net/self");
/// assert_eq!(lab.models()?.names().collect::<Vec<_>>(), ["my-net", "my-net/self"]);
/// // `lab.main()` ends such a program
/// # Ok::<(), dynvision_lab::LabError>(())
/// ```
#[derive(Debug)]
pub struct Lab {
    models: Models,
    sets: Sets,
    /// The first mistake in its declaration, which the command line tells.
    wrong: Option<LabError>,
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}

impl Lab {
    /// A laboratory without models, with the data sets that the library reads.
    pub fn new() -> Self {
        Lab { models: Models::default(), sets: Sets::built_in(), wrong: None }
    }

    fn keep(&mut self, outcome: Result<(), LabError>) {
        if let Err(error) = outcome {
            self.wrong.get_or_insert(error);
        }
    }

    /// Adds a model under a name. A name that another one has is told when the laboratory is used.
    #[must_use]
    pub fn model<M>(mut self, name: &str) -> Self
    where
        M: OnDevices,
    {
        let added = self.models.add::<M>(name);
        self.keep(added);
        self
    }

    /// Adds the models that come with the laboratory.
    #[must_use]
    #[inline] // see `Models::add_zoo`
    pub fn zoo(mut self) -> Self {
        let added = self.models.add_zoo();
        self.keep(added);
        self
    }

    /// Adds a data set, in place of one of the same name.
    #[must_use]
    pub fn data(mut self, set: Set) -> Self {
        self.sets.add(set);
        self
    }

    /// The models.
    ///
    /// # Errors
    ///
    /// The first mistake in the declaration: a name that two models have, or that no model can have.
    pub fn models(self) -> Result<Models, LabError> {
        self.wrong.map_or(Ok(self.models), Err)
    }

    /// Does what the command line says, and returns the exit code: 0 done, 1 failed, 2 wrong usage.
    pub fn main(self) -> ExitCode {
        let Lab { models, sets, wrong } = self;
        crate::cli::main(&models, &sets, wrong)
    }
}
