//! Interventions by the name of their kind.

use super::{Intervention, built_in};
use crate::Error;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Settings of an intervention, as an experiment gives them.
pub type Settings = toml::Table;

type Make = Arc<dyn Fn(&Settings) -> Result<Arc<dyn Intervention>, String> + Send + Sync>;

/// The kinds of intervention that an experiment can name. A user's own are added to those that come with the crate.
///
/// ```
/// use dynvision_lab::intervention::{Intervention, Interventions};
/// use dynvision::time::Dynamics;
/// use dynvision_lab::Anatomy;
/// use std::sync::Arc;
///
/// #[derive(Debug)]
/// struct Slower;
/// impl Intervention for Slower {
///     fn dynamics(&self, _: &Anatomy, dynamics: &mut Dynamics) {
///         dynamics.tau *= 2.;
///     }
/// }
///
/// let kinds = Interventions::built_in().with("slower", |_| Ok(Arc::new(Slower)));
/// let settings = toml::from_str("kind = \"slower\"")?;
/// assert!(kinds.get("mine", &settings).is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone)]
pub struct Interventions(BTreeMap<String, Make>);

impl Interventions {
    /// Those that come with the crate.
    pub fn built_in() -> Self {
        let mut kinds = Interventions(BTreeMap::new());
        built_in::register(&mut kinds);
        kinds
    }

    /// These and one more kind, which takes the place of one of the same name. `make` gets the settings without `kind`, and
    /// says what is wrong with them.
    #[must_use]
    pub fn with(
        mut self,
        kind: &str,
        make: impl Fn(&Settings) -> Result<Arc<dyn Intervention>, String> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(kind.into(), Arc::new(make));
        self
    }

    /// Adds a kind whose settings are read by serde, which names those that there are.
    pub(super) fn add<I: Intervention + serde::de::DeserializeOwned + 'static>(
        &mut self,
        kind: &str,
        check: fn(&I) -> Result<(), String>,
    ) {
        let make = move |settings: &Settings| -> Result<Arc<dyn Intervention>, String> {
            let read = toml::Value::Table(settings.clone()).try_into::<I>();
            let made = read.map_err(|error| error.message().to_string())?;
            check(&made)?;
            Ok(Arc::new(made))
        };
        self.0.insert(kind.into(), Arc::new(make));
    }

    /// The names of the kinds, in the order of the alphabet.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the intervention that an experiment calls `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] kind with the nearest and all; [`Error::Setting`].
    pub fn get(&self, name: &str, settings: &Settings) -> Result<Arc<dyn Intervention>, Error> {
        let failed = |reason| Error::Setting { what: "intervention", name: name.into(), reason };
        let mut settings = settings.clone();
        let kind = match settings.remove("kind") {
            Some(toml::Value::String(kind)) => kind,
            _ => {
                let kinds: Vec<&str> = self.kinds().collect();
                return Err(failed(format!("it needs `kind`, one of {}", kinds.join(", "))));
            }
        };
        let make = self.0.get(&kind).ok_or_else(|| Error::unknown("kind of intervention", &kind, self.kinds()))?;
        make(&settings).map_err(failed)
    }
}

impl Default for Interventions {
    fn default() -> Self {
        Interventions::built_in()
    }
}

impl std::fmt::Debug for Interventions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let kinds = Interventions::built_in();
        let refused = |text: &str| kinds.get("mine", &toml::from_str(text).unwrap()).unwrap_err().to_string();
        assert!(refused("kind = 'conection'").contains("did you mean `connection`?"));
        let text = refused("scale = 0.0");
        assert!(text.contains("`mine`") && text.contains("needs `kind`"), "{text}");
        let text = refused("kind = 'area'\narea = 'v1'\nscal = 0.0");
        assert!(text.contains("scal") && text.contains("scale"), "{text}");
        let text = refused("kind = 'channels'\narea = 'v1'\nshare = 1.5");
        assert!(text.contains("share = 1.5"), "{text}");
        let text = refused("kind = 'area'\narea = 'v1'\nscale = -1.0");
        assert!(text.contains("scale = -1"), "{text}");
        let text = refused("kind = 'current'\narea = 'v1'\namplitude = 1.0\nstart = '-2 ms'");
        assert!(text.contains("zero or positive"), "{text}");
    }
}
