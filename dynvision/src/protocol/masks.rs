//! Masks of one's own.

use super::noise::Draws;
use super::{Mask, Protocol, ProtocolError, Shown};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A mask that a protocol names by [`Mask::Own`].
pub trait MaskPattern: Send + Sync {
    /// Returns the frame that masks an image, with what is drawn for that image at the mask's first step, or at each step if it
    /// [`changes`](MaskPattern::changes).
    ///
    /// # Shapes
    /// `target` and the result are `[channels, rows, columns]`, contiguous.
    fn frame(&self, target: &[f32], shape: [usize; 3], draws: &mut dyn Draws) -> Vec<f32>;

    /// Whether it is another frame at each step.
    fn changes(&self) -> bool {
        false
    }
}

impl<F: Fn(&[f32], [usize; 3], &mut dyn Draws) -> Vec<f32> + Send + Sync> MaskPattern for F {
    fn frame(&self, target: &[f32], shape: [usize; 3], draws: &mut dyn Draws) -> Vec<f32> {
        self(target, shape, draws)
    }
}

/// Masks by name.
///
/// ```
/// use dynvision::protocol::noise::Draws;
/// use dynvision::protocol::{Masks, Protocol, Set, Showing};
///
/// let inverted = |image: &[f32], _: [usize; 3], _: &mut dyn Draws| image.iter().map(|x| -x).collect();
/// let masks = Masks::default().with("inverted", inverted);
/// #[derive(serde::Deserialize)]
/// struct File { protocol: dynvision::protocol::Preset }
/// let text = "protocol.masking = { total = 3, intro = 0, stim = 1, asynchrony = 1, mask_for = 1, mask = { own = \"inverted\" } }";
/// let protocol = toml::from_str::<File>(text).unwrap().protocol.build()?;
/// let set = Set::new(&[1.0, 2.0], [1, 1, 2])?;
/// let timeline = protocol.timeline(2.0)?;
/// let frames = protocol.show(&timeline, &set, &[0], &Showing { masks: Some(&masks), ..Showing::default() })?;
/// assert_eq!(frames.frames[frames.shown[1]], [-1.0, -2.0]);
/// assert!(protocol.frames(&timeline, set, &[0], 0.0, 0).is_err(), "without masks it has none of that name");
/// # Ok::<(), dynvision::protocol::ProtocolError>(())
/// ```
#[derive(Clone, Default)]
pub struct Masks(BTreeMap<String, Arc<dyn MaskPattern>>);

impl Masks {
    /// These and one more, which takes the place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: &str, mask: impl MaskPattern + 'static) -> Self {
        self.0.insert(name.into(), Arc::new(mask));
        self
    }

    /// The names, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A mask by name.
    ///
    /// # Errors
    /// [`ProtocolError::Conflict`] with the names that there are.
    pub fn get(&self, name: &str) -> Result<&dyn MaskPattern, ProtocolError> {
        self.0.get(name).map(|mask| &**mask).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            let known = if names.is_empty() { "there is none of one's own".into() } else { names.join(", ") };
            ProtocolError::Conflict(format!("there is no mask `{name}` ({known}); give it beside the protocol"))
        })
    }

    /// Refuses a protocol that shows a mask which is not among these.
    ///
    /// # Errors
    /// As [`get`](Masks::get).
    pub fn check(&self, protocol: &Protocol) -> Result<(), ProtocolError> {
        protocol.events().iter().try_for_each(|event| match &event.show {
            Shown::Mask(Mask::Own(name)) => self.get(name).map(|_| ()),
            _ => Ok(()),
        })
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
