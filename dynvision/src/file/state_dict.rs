//! Named tensors and what belongs to them, in memory and as safetensors.

use dfdx::tensor::safetensors::SafeDtype;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};

/// The one key under which a file holds all metadata, so that the same state gives the same bytes: the format's own table
/// has no fixed order.
const METADATA: &str = "dynvision";

/// Tensors by name, and texts by name: a state that can be saved and taken up again.
///
/// ```
/// use dynvision::interop::StateDict;
/// let mut state = StateDict::default();
/// state.insert("v1.weight", &[2, 1], &[0.5f32, -0.5]);
/// state.set("epoch", "3");
/// let read = StateDict::from_safetensors(&state.to_safetensors()?)?;
/// assert_eq!(read.get::<f32>("v1.weight", &[2, 1])?, [0.5, -0.5]);
/// assert_eq!(read.text("epoch")?, "3");
/// # Ok::<(), dynvision::interop::StateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    tensors: BTreeMap<String, Entry>,
    texts: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Why a state cannot be taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A tensor or text that is needed is not there.
    #[error("the state has no `{name}`: was it saved from another model or another version?")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor of another shape or type.
    #[error("`{name}` is {found}, expected {expected}: was it saved from another model?")]
    Mismatch {
        /// Its name.
        name: String,
        /// Shape and type that are needed.
        expected: String,
        /// Shape and type that are there.
        found: String,
    },
    /// A text that means nothing.
    #[error("`{name}` is {found:?}, expected {expected}")]
    Text {
        /// Its name.
        name: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Several differences, all of them.
    #[error("the state does not fit:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    All(Vec<StateError>),
    /// A tensor that nothing asks for.
    #[error("the state has `{name}`, for which there is no use here: was it saved from another model?")]
    Unexpected {
        /// Its name.
        name: String,
    },
    /// Bytes that are no safetensors.
    #[error("this is no sound safetensors file ({0}): it is damaged or of another format")]
    Format(#[from] SafeTensorError),
}

impl StateDict {
    /// Puts in a tensor, in place of one of that name. `values` are as many as the product of the dimensions.
    pub fn insert<E: SafeDtype + Copy>(&mut self, name: impl Into<String>, shape: &[usize], values: &[E]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.insert(name.into(), Entry { dtype: E::safe_dtype(), shape: shape.to_vec(), bytes });
    }

    /// The elements of a tensor.
    ///
    /// # Errors
    /// No tensor of that name, or one of another shape or type.
    pub fn get<E: SafeDtype>(&self, name: &str, shape: &[usize]) -> Result<Vec<E>, StateError> {
        let Entry { dtype, shape: found, bytes } =
            self.tensors.get(name).ok_or_else(|| StateError::Missing { name: name.to_string() })?;
        let size = size_of::<E>();
        let complete = shape.iter().product::<usize>() * size == bytes.len();
        if *dtype != E::safe_dtype() || found != shape || !complete {
            let expected = format!("{:?} {shape:?}", E::safe_dtype());
            return Err(StateError::Mismatch {
                name: name.to_string(),
                expected,
                found: format!("{dtype:?} {found:?}"),
            });
        }
        Ok((0..bytes.len() / size).map(|i| E::from_le_bytes(bytes, i * size)).collect())
    }

    /// Shape and elements of a tensor of floating point numbers, whichever type it has.
    ///
    /// # Errors
    /// No tensor of that name, or one of another type than `F32` and `F64`.
    pub fn numbers(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), StateError> {
        let entry = self.tensors.get(name).ok_or_else(|| StateError::Missing { name: name.to_string() })?;
        let values = match entry.dtype {
            Dtype::F32 => self.get::<f32>(name, &entry.shape)?.into_iter().map(f64::from).collect(),
            Dtype::F64 => self.get::<f64>(name, &entry.shape)?,
            other => {
                let (expected, found) = ("F32 or F64".to_string(), format!("{other:?}"));
                return Err(StateError::Mismatch { name: name.to_string(), expected, found });
            }
        };
        Ok((entry.shape.clone(), values))
    }

    /// Puts in a text, in place of one of that name.
    pub fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(name.into(), text.into());
    }

    /// A text.
    ///
    /// # Errors
    /// No text of that name.
    pub fn text(&self, name: &str) -> Result<&str, StateError> {
        self.texts.get(name).map(String::as_str).ok_or_else(|| StateError::Missing { name: name.to_string() })
    }

    /// The names of the tensors, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Takes up all of `other` with `prefix` and a dot before its names.
    pub fn nest(&mut self, prefix: &str, other: StateDict) {
        self.tensors.extend(other.tensors.into_iter().map(|(name, entry)| (format!("{prefix}.{name}"), entry)));
        self.texts.extend(other.texts.into_iter().map(|(name, text)| (format!("{prefix}.{name}"), text)));
    }

    /// What [`nest`](Self::nest) took up under that prefix, taken out again.
    pub fn unnest(&mut self, prefix: &str) -> StateDict {
        let prefix = format!("{prefix}.");
        StateDict { tensors: take(&mut self.tensors, &prefix), texts: take(&mut self.texts, &prefix) }
    }

    /// The state as a safetensors file; the same state gives the same bytes.
    ///
    /// # Errors
    /// A tensor whose number of elements is not the product of its dimensions.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, StateError> {
        let views = self
            .tensors
            .iter()
            .map(|(name, e)| Ok((name, TensorView::new(e.dtype, e.shape.clone(), &e.bytes)?)))
            .collect::<Result<Vec<_>, SafeTensorError>>()?;
        let texts = serde_json::to_string(&self.texts).map_err(|_| SafeTensorError::InvalidHeaderDeserialization)?;
        let metadata = HashMap::from([(METADATA.to_string(), texts)]);
        Ok(safetensors::serialize(views, &Some(metadata))?)
    }

    /// Reads a safetensors file. One that another program wrote has no texts.
    ///
    /// # Errors
    /// Bytes that are none.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, StateError> {
        let file = SafeTensors::deserialize(bytes)?;
        let entry = |view: TensorView<'_>| Entry {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        let tensors = file.tensors().into_iter().map(|(name, view)| (name, entry(view))).collect();
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let texts = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA));
        let parse = |texts: &String| serde_json::from_str(texts);
        let texts = texts.map_or(Ok(BTreeMap::new()), parse).map_err(|_| StateError::Text {
            name: METADATA.to_string(),
            expected: "a JSON object of texts",
            found: texts.cloned().unwrap_or_default(),
        })?;
        Ok(StateDict { tensors, texts })
    }
}

fn take<T>(map: &mut BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
    let (taken, kept) = std::mem::take(map).into_iter().partition(|(name, _)| name.starts_with(prefix));
    *map = kept;
    BTreeMap::into_iter(taken).map(|(name, value): (String, T)| (name[prefix.len()..].to_string(), value)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> StateDict {
        let mut state = StateDict::default();
        state.insert("b", &[2, 2], &[1.0f32, f32::MIN_POSITIVE / 8.0, -0.0, f32::MAX]);
        state.insert("a", &[], &[std::f64::consts::PI]);
        for key in 0..20 {
            state.set(format!("key {key}"), "text \" with quotes");
        }
        state
    }

    #[test]
    fn what_is_written_is_read_bit_by_bit() {
        let bytes = sample().to_safetensors().unwrap();
        assert_eq!(StateDict::from_safetensors(&bytes).unwrap(), sample());
        assert_eq!(sample().to_safetensors().unwrap(), bytes);
        let read = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("b").unwrap().shape(), [2, 2]);
    }

    #[test]
    fn nested_states_come_out_again() {
        let mut outer = StateDict::default();
        outer.insert("a", &[1], &[2.0f32]);
        outer.nest("optim", sample());
        assert_eq!(outer.names().collect::<Vec<_>>(), ["a", "optim.a", "optim.b"]);
        assert_eq!(outer.unnest("optim"), sample());
        assert_eq!(outer.names().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn wrong_names_shapes_and_types_are_named() {
        let state = sample();
        assert!(matches!(state.get::<f32>("c", &[1]), Err(StateError::Missing { name }) if name == "c"));
        let error = state.get::<f32>("b", &[4]).unwrap_err().to_string();
        assert!(error.contains("`b`") && error.contains("[2, 2]") && error.contains("[4]"), "{error}");
        assert!(state.get::<f64>("b", &[2, 2]).unwrap_err().to_string().contains("F64"));
        assert!(state.text("missing").is_err());
    }

    #[test]
    fn truncation_at_every_offset_is_an_error() {
        let bytes = sample().to_safetensors().unwrap();
        assert!((0..bytes.len()).all(|cut| StateDict::from_safetensors(&bytes[..cut]).is_err()));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), len in 0u64..120) {
            let _ = StateDict::from_safetensors(&bytes);
            let _ = StateDict::from_safetensors(&[&len.to_le_bytes()[..], &bytes].concat());
        }
    }
}
