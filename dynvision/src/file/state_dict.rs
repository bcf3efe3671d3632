//! Named tensors and what belongs to them, in memory and as safetensors.

use dfdx::tensor::safetensors::SafeDtype;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The one key under which a file holds all metadata, so that the same state gives the same bytes: the format's own table
/// has no fixed order.
const METADATA: &str = "dynvision";
/// What the metadata begins with: the CRC-32 of the whole file in eight hexadecimal digits, computed with zeros in their
/// place. Other readers of safetensors take it for a text.
const CHECKSUM: &str = "crc32:";
const ZEROS: &str = "00000000";
/// What a file with a checksum begins with, behind the length of its header.
const HEAD: &str = r#"{"__metadata__":{"dynvision":"crc32:"#;

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
    /// A tensor of another shape.
    #[error("`{name}` is {found}, expected {expected}: was it saved from another model?")]
    Mismatch {
        /// Its name.
        name: String,
        /// Shape and type that are needed.
        expected: String,
        /// Shape and type that are there.
        found: String,
    },
    /// A tensor whose numbers are of a type that is not taken up here.
    #[error("`{name}` is of type {found}, expected {expected}: {mend}")]
    Dtype {
        /// Its name.
        name: String,
        /// The types that are taken up.
        expected: String,
        /// Its type.
        found: String,
        /// What to do.
        mend: &'static str,
    },
    /// A tensor with numbers that no model can compute with.
    #[error(
        "`{name}` is infinite or not a number in {count} of {of} elements: it was saved after its training had diverged, or \
         is damaged; take an earlier file"
    )]
    NotFinite {
        /// Its name.
        name: String,
        /// How many elements are not finite.
        count: usize,
        /// Out of how many.
        of: usize,
    },
    /// Means of squares of which some are negative.
    #[error(
        "`{name}` is negative in {count} of {of} elements, and it is a mean of squares: the file is damaged; take an earlier one"
    )]
    Negative {
        /// Its name.
        name: String,
        /// How many elements are negative.
        count: usize,
        /// Out of how many.
        of: usize,
    },
    /// Two tensors that must be equal and are not, or that are there twice under one name.
    #[error("`{name}` and `{other}` {differ}: keep the one that is meant")]
    Contradiction {
        /// The first.
        name: String,
        /// The second.
        other: String,
        /// In what they contradict each other, as the end of a sentence.
        differ: String,
    },
    /// Weights of a connection that the original had not made when the state was saved.
    #[error(
        "the state has no `{name}`: the connection `{connection}` has no weights there. The original makes them at the first \
         forward in which the source's signal arrives, and drops them when it loads a file before that: run the model \
         there over as many steps as the connection's delay takes, then train or load, and save again"
    )]
    Adaptor {
        /// The name of the missing tensor.
        name: String,
        /// The connection here.
        connection: String,
    },
    /// A file whose bytes are not those that were written.
    #[error(
        "the checksum says {expected} and the content gives {found}: the file is damaged, or another program changed it and \
         kept the metadata `dynvision`; take another copy"
    )]
    Checksum {
        /// What the file says.
        expected: String,
        /// What its bytes give.
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
    /// A number that stands in the declaration of a model and is another there.
    #[error(
        "`{name}` is {found}, and area `{area}` is declared with {expected}: declare the number that the weights were trained \
         with, or take others"
    )]
    Declared {
        /// Its name.
        name: String,
        /// The area.
        area: &'static str,
        /// The number of the declaration.
        expected: f64,
        /// The number that is there, in the precision of the original.
        found: f32,
    },
    /// A pattern of what is to be left out that holds for nothing.
    #[error(
        "no tensor's name matches `{pattern}`: give a full name, the beginning of one, a whole word, or a form with `*`"
    )]
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// Bytes that are not of the format that was asked for.
    #[error("this is no sound {format}: {found}")]
    Foreign {
        /// The format.
        format: &'static str,
        /// What is there instead, and what to do.
        found: String,
    },
    /// Bytes that are no safetensors.
    #[error("this is no sound safetensors file ({0}): it is damaged or of another format")]
    Format(#[from] SafeTensorError),
}

/// A type of numbers that a state takes in and gives: `f32` and `f64`.
pub trait StateNumber: SafeDtype + Copy {
    /// The bytes of many numbers, lowest first. They are copied as a whole: where nothing is optimised, one byte at a time takes
    /// longer than the network computes.
    #[doc(hidden)]
    fn bytes_of(values: &[Self]) -> Vec<u8>;
    /// As many numbers as `bytes` hold.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl StateNumber for $number {
            fn bytes_of(values: &[Self]) -> Vec<u8> {
                match cfg!(target_endian = "little") {
                    true => bytemuck::cast_slice(values).to_vec(),
                    false => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
                }
            }

            fn from_bytes(bytes: &[u8]) -> Vec<Self> {
                match cfg!(target_endian = "little") {
                    true => bytemuck::pod_collect_to_vec(bytes),
                    false => bytes.as_chunks().0.iter().map(|&bytes| Self::from_le_bytes(bytes)).collect(),
                }
            }
        }
    )*};
}
numbers!(f32, f64);

impl StateDict {
    /// Puts in a tensor, in place of one of that name. `values` are as many as the product of the dimensions.
    pub fn insert<E: StateNumber>(&mut self, name: impl Into<String>, shape: &[usize], values: &[E]) {
        self.insert_bytes(name.into(), E::safe_dtype(), shape.to_vec(), E::bytes_of(values));
    }

    /// Puts in a tensor by its bytes, whose number was checked.
    pub(crate) fn insert_bytes(&mut self, name: String, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) {
        self.tensors.insert(name, Entry { dtype, shape, bytes });
    }

    /// The elements of a tensor. Those of a type that `E` holds exactly are widened: `F16`, `BF16` and `F32` into `f64`, the
    /// first two into `f32`.
    ///
    /// ```
    /// use dynvision::file::StateDict;
    /// let mut state = StateDict::default();
    /// state.insert("weight", &[1], &[0.1f32]);
    /// assert_eq!(state.get::<f64>("weight", &[1])?, [0.1f32 as f64]);
    /// state.insert("weight", &[1], &[0.1f64]);
    /// assert!(state.get::<f32>("weight", &[1]).is_err()); // would lose digits
    /// assert_eq!(state.narrowed()?.get::<f32>("weight", &[1])?, [0.1f32]);
    /// # Ok::<(), dynvision::file::StateError>(())
    /// ```
    ///
    /// # Errors
    /// No tensor of that name, or one of another shape or of a type that `E` does not hold.
    pub fn get<E: StateNumber>(&self, name: &str, shape: &[usize]) -> Result<Vec<E>, StateError> {
        let entry = self.entry(name)?;
        let complete = product(shape).and_then(|n| n.checked_mul(entry.dtype.size())) == Some(entry.bytes.len());
        if entry.shape != shape || !complete {
            return Err(StateError::Mismatch {
                name: name.to_string(),
                expected: format!("{:?} {shape:?}", E::safe_dtype()),
                found: format!("{:?} {:?}", entry.dtype, entry.shape),
            });
        }
        Ok(E::from_bytes(&entry.widened(name, E::safe_dtype())?))
    }

    /// Shape and elements of a tensor of floating point numbers, whichever type it has.
    ///
    /// # Errors
    /// No tensor of that name, or one of another type than `F16`, `BF16`, `F32` and `F64`.
    pub fn numbers(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), StateError> {
        let entry = self.entry(name)?;
        Ok((entry.shape.clone(), self.get::<f64>(name, &entry.shape)?))
    }

    /// Returns the state with all `F64` tensors rounded to `F32`, for a model of `f32`.
    ///
    /// # Errors
    /// A finite number that is beyond the range of `f32`.
    pub fn narrowed(&self) -> Result<Self, StateError> {
        let mut all = self.clone();
        for (name, entry) in all.tensors.iter_mut().filter(|(_, entry)| entry.dtype == Dtype::F64) {
            let values = self.get::<f64>(name, &entry.shape)?;
            let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            let lost =
                values.iter().zip(&narrow).filter(|(wide, narrow)| wide.is_finite() && !narrow.is_finite()).count();
            if lost > 0 {
                return Err(StateError::NotFinite { name: name.clone(), count: lost, of: values.len() });
            }
            entry.dtype = Dtype::F32;
            entry.bytes = f32::bytes_of(&narrow);
        }
        Ok(all)
    }

    /// Checks that a tensor of floating point numbers is finite.
    pub(crate) fn check_finite(&self, name: &str) -> Result<(), StateError> {
        let entry = self.entry(name)?;
        let (count, of) = match entry.dtype {
            Dtype::F32 => not_finite(&f32::from_bytes(&entry.bytes), f32::is_finite),
            _ => not_finite(&f64::from_bytes(&entry.widened(name, Dtype::F64)?), f64::is_finite),
        };
        match count {
            0 => Ok(()),
            count => Err(StateError::NotFinite { name: name.to_string(), count, of }),
        }
    }

    /// Whether a tensor has 64-bit numbers.
    pub(crate) fn is_wide(&self, name: &str) -> bool {
        self.tensors.get(name).is_some_and(|entry| entry.dtype == Dtype::F64)
    }

    fn entry(&self, name: &str) -> Result<&Entry, StateError> {
        self.tensors.get(name).ok_or_else(|| StateError::Missing { name: name.to_string() })
    }

    /// Puts in a text, in place of one of that name.
    pub fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.set_text(name.into(), text.into());
    }

    fn set_text(&mut self, name: String, text: String) {
        self.texts.insert(name, text);
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
        let metadata = HashMap::from([(METADATA.to_string(), format!("{CHECKSUM}{ZEROS}{texts}"))]);
        let mut bytes = match views.is_empty() {
            false => safetensors::serialize(views, &Some(metadata))?,
            true => without_tensors(&metadata)?,
        };
        let checksum = format!("{:08x}", crc32fast::hash(&bytes));
        // the digits stand where `HEAD` ends, since the metadata come first and have the one key
        let at = 8 + HEAD.len();
        match bytes.get_mut(at..at + ZEROS.len()) {
            Some(digits) if digits == ZEROS.as_bytes() => digits.copy_from_slice(checksum.as_bytes()),
            _ => return Err(SafeTensorError::InvalidHeaderDeserialization.into()),
        }
        Ok(bytes)
    }

    /// Reads a safetensors file and verifies its checksum. One that another program wrote has neither checksum nor texts.
    ///
    /// # Errors
    /// Bytes that are none, that are not those that were written, or hold a tensor of an unknown type.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, StateError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| unknown_type(bytes).unwrap_or(error.into()))?;
        let entry = |view: TensorView<'_>| Entry {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: view.data().to_vec(),
        };
        let tensors = file.tensors().into_iter().map(|(name, view)| (name, entry(view))).collect();
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let metadata = header.metadata().as_ref();
        let texts = metadata.and_then(|metadata| metadata.get(METADATA)).map(String::as_str);
        let misnamed = metadata.is_some_and(|all| all.iter().any(|(key, text)| key != METADATA && is_ours(text)));
        if misnamed || texts.is_some_and(|texts| !texts.starts_with('{')) {
            verify(bytes)?;
        }
        let texts =
            texts.map(|texts| texts.get(CHECKSUM.len() + ZEROS.len()..).filter(|_| is_ours(texts)).unwrap_or(texts));
        let texts = texts.map_or(Ok(BTreeMap::new()), serde_json::from_str).map_err(|_| StateError::Text {
            name: METADATA.to_string(),
            expected: "a JSON object of texts",
            found: texts.unwrap_or_default().chars().take(100).collect(),
        })?;
        Ok(StateDict { tensors, texts })
    }
}

/// A file of metadata alone: safetensors 0.3 writes a second `{` into it, so that nothing can read it.
fn without_tensors(metadata: &HashMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    let header = serde_json::to_string(&HashMap::from([("__metadata__", metadata)]))
        .map_err(|_| SafeTensorError::InvalidHeaderDeserialization)?;
    let len = header.len().next_multiple_of(8);
    Ok([
        &(len as u64).to_le_bytes()[..],
        format!("{header:<bytes$}", bytes = len - (header.len() - header.chars().count())).as_bytes(),
    ]
    .concat())
}

/// Whether a text of the metadata begins as ours do.
fn is_ours(text: &str) -> bool {
    let digits = text.strip_prefix(CHECKSUM).and_then(|rest| rest.get(..ZEROS.len()));
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Compares the checksum of a file that has one with its bytes.
fn verify(bytes: &[u8]) -> Result<(), StateError> {
    let at = 8 + HEAD.len();
    let damaged = |expected: &[u8], found: String| StateError::Checksum {
        expected: String::from_utf8_lossy(expected).into_owned(),
        found,
    };
    let (Some(head), Some(digits)) = (bytes.get(8..at), bytes.get(at..at + ZEROS.len())) else {
        return Err(damaged(b"nothing", "no place for one".into()));
    };
    if head != HEAD.as_bytes() {
        return Err(damaged(b"nothing", "metadata that begin as no checksum does".into()));
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..at]);
    hasher.update(ZEROS.as_bytes());
    hasher.update(&bytes[at + ZEROS.len()..]);
    let found = format!("{:08x}", hasher.finalize());
    if digits == found.as_bytes() { Ok(()) } else { Err(damaged(digits, found)) }
}

/// The first tensor of a type that the library does not know, if that is why a header cannot be read.
fn unknown_type(bytes: &[u8]) -> Option<StateError> {
    #[derive(serde::Deserialize)]
    struct Declared<'a> {
        #[serde(borrow)]
        dtype: Cow<'a, str>,
    }
    let len = usize::try_from(u64::from_le_bytes(bytes.first_chunk().copied()?)).ok()?;
    let header = std::str::from_utf8(bytes.get(8..len.checked_add(8)?)?).ok()?;
    let all: BTreeMap<Cow<'_, str>, &serde_json::value::RawValue> = serde_json::from_str(header).ok()?;
    let declared = all
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .filter_map(|(name, value)| Some((name, serde_json::from_str::<Declared<'_>>(value.get()).ok()?.dtype)));
    let known = |dtype: &str| serde_json::from_value::<Dtype>(serde_json::Value::String(dtype.to_string())).is_ok();
    let (name, dtype) = declared.into_iter().find(|(_, dtype)| !known(dtype))?;
    Some(StateError::Dtype {
        name: name.to_string(),
        expected: "F16, BF16, F32 or F64".into(),
        found: dtype.chars().take(20).collect(),
        mend: "save it in one of these types, or leave it out of the file",
    })
}

/// How many numbers are not finite, and how many there are.
fn not_finite<E: Copy>(values: &[E], is_finite: fn(E) -> bool) -> (usize, usize) {
    (values.iter().filter(|value| !is_finite(**value)).count(), values.len())
}

/// How many elements a shape has.
pub(crate) fn product(shape: &[usize]) -> Option<usize> {
    // nothing is nothing, whatever else stands beside it
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
}

impl Entry {
    /// The bytes of the numbers in a type that holds each exactly.
    fn widened(&self, name: &str, into: Dtype) -> Result<Cow<'_, [u8]>, StateError> {
        let halves = || self.bytes.as_chunks::<2>().0.iter();
        Ok(match (self.dtype, into) {
            (from, into) if from == into => Cow::Borrowed(&self.bytes),
            (Dtype::F16, Dtype::F32) => halves().flat_map(|&b| f16::from_le_bytes(b).to_f32().to_le_bytes()).collect(),
            (Dtype::F16, Dtype::F64) => halves().flat_map(|&b| f16::from_le_bytes(b).to_f64().to_le_bytes()).collect(),
            (Dtype::BF16, Dtype::F32) => {
                halves().flat_map(|&b| bf16::from_le_bytes(b).to_f32().to_le_bytes()).collect()
            }
            (Dtype::BF16, Dtype::F64) => {
                halves().flat_map(|&b| bf16::from_le_bytes(b).to_f64().to_le_bytes()).collect()
            }
            (Dtype::F32, Dtype::F64) => {
                let wide: Vec<f64> = f32::from_bytes(&self.bytes).iter().map(|&value| value.into()).collect();
                Cow::Owned(f64::bytes_of(&wide))
            }
            (from, into) => {
                let (expected, mend) = match into {
                    Dtype::F32 if from == Dtype::F64 => (
                        "F32, BF16 or F16",
                        "it would lose digits; round it by `StateDict::narrowed`, or make the model of f64",
                    ),
                    Dtype::F32 => ("F32, BF16 or F16", "save it in one of these types"),
                    Dtype::F64 => ("F64, F32, BF16 or F16", "save it in one of these types"),
                    _ => ("another type", "save it in the type that is asked for"),
                };
                let found = format!("{from:?}");
                return Err(StateError::Dtype { name: name.to_string(), expected: expected.into(), found, mend });
            }
        })
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
    fn a_state_without_tensors_is_read_again() {
        let mut state = StateDict::default();
        for _ in 0..10 {
            let bytes = state.to_safetensors().unwrap();
            assert_eq!(StateDict::from_safetensors(&bytes).unwrap(), state);
            state.set(format!("ä{}", state.texts.len()), "text");
        }
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
        assert!(state.get::<f32>("a", &[]).unwrap_err().to_string().contains("`a` is of type F64"));
        assert!(state.text("missing").is_err());
    }

    #[test]
    fn truncation_at_every_offset_is_an_error() {
        let bytes = sample().to_safetensors().unwrap();
        assert!((0..bytes.len()).all(|cut| StateDict::from_safetensors(&bytes[..cut]).is_err()));
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        let bytes = sample().to_safetensors().unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let read = StateDict::from_safetensors(&flipped);
            assert!(read.is_err(), "bit {} of byte {}: {:?}", bit % 8, bit / 8, &bytes[..60]);
        }
    }

    #[test]
    fn files_without_a_checksum_are_read() {
        let data = 0.5f32.to_le_bytes();
        let view = || TensorView::new(Dtype::F32, vec![1], &data).unwrap();
        for metadata in [None, Some(("format", "pt")), Some((METADATA, r#"{"epoch":"3"}"#))] {
            let metadata = metadata.map(|(key, text)| HashMap::from([(key.to_string(), text.to_string())]));
            let bytes = safetensors::serialize([("a", view())], &metadata).unwrap();
            assert_eq!(StateDict::from_safetensors(&bytes).unwrap().get::<f32>("a", &[1]).unwrap(), [0.5]);
        }
    }

    #[test]
    fn narrow_numbers_widen_exactly_and_wide_ones_are_narrowed_only_when_asked() {
        let mut state = StateDict::default();
        // 1, the smallest subnormal number, the greatest, -1/3 rounded: IEEE 754 half precision
        let halves = [0x3c00u16, 0x0001, 0x7bff, 0xb555];
        let of_halves = [1.0, 2f64.powi(-24), 65504.0, -0.333251953125];
        // the upper halves of f32
        let brains = [0x3f80u16, 0xc049];
        let bytes = |words: &[u16]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        state.insert_bytes("half".into(), Dtype::F16, vec![2, 2], bytes(&halves));
        state.insert_bytes("brain".into(), Dtype::BF16, vec![2], bytes(&brains));
        state.insert_bytes("count".into(), Dtype::I64, vec![], 7i64.to_le_bytes().to_vec());
        state.insert("single", &[1], &[0.1f32]);
        state.insert("double", &[1], &[0.1f64]);
        assert_eq!(state.get::<f64>("half", &[2, 2]).unwrap(), of_halves);
        assert_eq!(state.get::<f32>("half", &[2, 2]).unwrap(), of_halves.map(|value| value as f32));
        assert_eq!(state.get::<f32>("brain", &[2]).unwrap(), [1.0, -3.140625]);
        assert_eq!(state.numbers("brain").unwrap().1, [1.0, -3.140625]);
        assert_eq!(state.get::<f64>("single", &[1]).unwrap(), [f64::from(0.1f32)]);
        let error = state.get::<f32>("double", &[1]).unwrap_err().to_string();
        assert!(error.contains("`double` is of type F64") && error.contains("narrowed"), "{error}");
        assert_eq!(state.narrowed().unwrap().get::<f32>("double", &[1]).unwrap(), [0.1f32]);
        let error = state.get::<f32>("count", &[]).unwrap_err().to_string();
        assert!(error.contains("`count` is of type I64"), "{error}");
        state.insert("double", &[1], &[1e300]);
        assert!(state.narrowed().unwrap_err().to_string().contains("`double`"));
    }

    #[test]
    fn a_type_that_is_not_known_is_named_with_its_tensor() {
        let header = r#"{"__metadata__":{"a":"b"},"fine":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v1.weight":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[4,5]}}"#;
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 5]].concat();
        let error = StateDict::from_safetensors(&bytes).unwrap_err().to_string();
        assert!(error.contains("`v1.weight` is of type F8_E4M3"), "{error}");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), len in 0u64..120) {
            let _ = StateDict::from_safetensors(&bytes);
            let _ = StateDict::from_safetensors(&[&len.to_le_bytes()[..], &bytes].concat());
        }
    }
}
