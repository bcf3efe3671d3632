//! The models that a laboratory has: by name, each able to be described, trained and run, with its type erased.
//!
//! A type argument such as the recurrence is part of a model's name, since it is compiled. All else is configuration.

mod entry;
mod shown;
mod zoo;

pub use entry::{Entry, Job, Losses, Of, OnDevices, WeightSource};

use crate::lab_error::LabError;
use std::sync::Arc;

/// Models by name, in the order in which they were added.
///
/// ```
/// use dynvision_lab::models::Models;
///
/// let mut models = Models::default();
/// models.add::<dynvision::zoo::DyRCNNx2>("mine")?;
/// assert_eq!(models.get("mine")?.wiring().areas.len(), 2);
/// let error = models.get("mien").err().map(|error| error.to_string()).unwrap_or_default();
/// assert!(error.contains("did you mean `mine`?"));
/// # Ok::<(), dynvision_lab::LabError>(())
/// ```
#[derive(Clone, Default)]
pub struct Models(Vec<(String, Arc<dyn Entry>)>);

impl Models {
    /// Adds a model that `#[dyn_model]` declares.
    ///
    /// # Errors
    ///
    /// A name that another one has, or that is empty or has other characters than letters, digits and `-_./`.
    pub fn add<M>(&mut self, name: &str) -> Result<(), LabError>
    where
        M: OnDevices,
    {
        self.insert(name, Arc::new(Of::<M>::new()))
    }

    /// Adds an entry of one's own.
    ///
    /// # Errors
    ///
    /// As [`add`](Models::add).
    pub fn insert(&mut self, name: &str, entry: Arc<dyn Entry>) -> Result<(), LabError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if name.is_empty() || !name.chars().all(allowed) {
            let reason = format!("a model cannot be called `{name}`: names are of letters, digits and -_./");
            return Err(LabError::Failed(reason));
        }
        if self.names().any(|known| known == name) {
            return Err(LabError::Failed(format!("two models are called `{name}`; rename one")));
        }
        self.0.push((name.into(), entry));
        Ok(())
    }

    /// Returns the model of a name.
    ///
    /// # Errors
    ///
    /// A name that none has, with the nearest and all.
    pub fn get(&self, name: &str) -> Result<&dyn Entry, LabError> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, entry)| entry.as_ref());
        found.ok_or_else(|| crate::Error::unknown("model", name, self.names()).into())
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Names and models.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &dyn Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry.as_ref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
