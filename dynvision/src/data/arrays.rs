//! Samples in memory as other programs store them: arrays of NumPy, tensors of safetensors.

use super::{DataError, Dataset, Sample, Values, file};
use crate::geometry::Map;
use crate::interop::StateDict;
use crate::interop::npz::{self, NpzFile};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// A data set of still images or films in memory, each with the number of its class.
///
/// Unsigned bytes are grey levels, as in image files, and can be transformed as those can; numbers of any other type are taken as they are.
#[derive(Clone, Debug)]
pub struct Arrays {
    name: String,
    values: Values,
    frames: usize,
    shape: Map,
    labels: Vec<u16>,
    classes: Vec<String>,
}

impl Arrays {
    /// Samples with their labels; `name` names their source in errors.
    ///
    /// ```
    /// use dynvision::{data::{Arrays, Dataset, Values}, geometry::Map};
    /// // two films of three frames of one pixel
    /// let values = Values::Floats(vec![0.0, 0.5, 1.0, 1.0, 0.5, 0.0]);
    /// let films = Arrays::new("ramps", values, 3, Map::new(1, 1, 1), vec![0, 1], vec!["up".into(), "down".into()])?;
    /// assert_eq!(films.sample(1)?.frames(), 3);
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Shapes
    /// `(samples, frames, C, H, W)`, the last dimension fastest; one frame for still images.
    ///
    /// # Errors
    /// Values that are no whole number of samples or not one for each label; a value that is NaN or infinite, with its sample; a label that names
    /// no class.
    pub fn new(
        name: &str,
        values: Values,
        frames: usize,
        shape: Map,
        labels: Vec<u16>,
        classes: Vec<String>,
    ) -> Result<Self, DataError> {
        let file = || name.to_string();
        let units = shape.c.checked_mul(shape.h).and_then(|n| n.checked_mul(shape.w)?.checked_mul(frames));
        let Some(units) = units.filter(|&units| units > 0 && values.len().is_multiple_of(units)) else {
            return Err(DataError::PixelCount { file: file(), pixels: values.len(), shape });
        };
        let images = values.len() / units;
        if images != labels.len() {
            return Err(DataError::LabelCount { file: file(), images, labels: labels.len() });
        }
        if let Values::Floats(values) = &values
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            return Err(DataError::NotFinite { file: file(), index: at / units, value: values[at] });
        }
        check_labels(name, &labels, &classes)?;
        Ok(Arrays { name: file(), values, frames, shape, labels, classes })
    }

    /// The arrays or tensors of these names in an `.npz` or a safetensors file. Classes are as many as the greatest label says, named by
    /// their numbers; see [`classed`](Self::classed).
    ///
    /// ```no_run
    /// use dynvision::data::Arrays;
    /// let films = Arrays::read("films.npz", "images", "labels")?.classed(vec!["left".into(), "right".into()])?;
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Shapes
    /// Images: `(samples, H, W)`, `(samples, C, H, W)` or `(samples, time, C, H, W)`; labels: `(samples)` or `(samples, 1)`.
    ///
    /// # Errors
    /// A file that cannot be read or is of another kind; a name that is not there, with those that are; arrays of other dimensions; a value that is NaN
    /// or infinite, with its sample; labels that are no numbers of classes.
    pub fn read(path: impl AsRef<Path>, images: &str, labels: &str) -> Result<Self, DataError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let mut begin = Vec::new();
        let open = std::fs::File::open(path)
            .and_then(|file| std::io::Read::read_to_end(&mut std::io::Read::take(file, 2), &mut begin));
        open.map_err(|source| DataError::Io { file: name.clone(), source })?;
        let (images, labels) = if begin == b"PK" {
            let mut archive = NpzFile::open(path)?;
            let mut named = |array: &str| Ok::<_, DataError>(Named::new(array, archive.read(array)?));
            (named(images)?, named(labels)?)
        } else {
            let bytes = file::read(path)?;
            (tensor(&name, &bytes, images)?, tensor(&name, &bytes, labels)?)
        };
        assemble(&name, images, labels)
    }

    /// Reads images and labels from two `.npy` files.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_npy(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self, DataError> {
        let (images, labels) = (images.as_ref(), labels.as_ref());
        let named = |path: &Path| Ok::<_, DataError>(Named::new(&path.display().to_string(), npz::read_npy(path)?));
        assemble(&images.display().to_string(), named(images)?, named(labels)?)
    }

    /// Gives names to the classes, by label. They may be more than the labels name.
    ///
    /// # Errors
    /// A label that has no name.
    pub fn classed(self, classes: Vec<String>) -> Result<Self, DataError> {
        check_labels(&self.name, &self.labels, &classes)?;
        Ok(Arrays { classes, ..self })
    }

    /// Number of frames of each sample; 1 for still images.
    pub fn frames(&self) -> usize {
        self.frames
    }
}

fn check_labels(name: &str, labels: &[u16], classes: &[String]) -> Result<(), DataError> {
    match labels.iter().position(|&label| usize::from(label) >= classes.len()) {
        None => Ok(()),
        Some(index) => {
            let label = usize::from(labels[index]);
            Err(DataError::LabelRange { file: name.to_string(), index, label, classes: classes.len() })
        }
    }
}

/// A named array before it is samples or labels.
struct Named {
    name: String,
    dtype: Dtype,
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

impl Named {
    fn new(name: &str, array: npz::NpyArray) -> Self {
        let (dtype, dims, bytes) = array.into_parts();
        Named { name: name.to_string(), dtype, dims, bytes }
    }

    fn foreign(&self, file: &str, found: String, mend: &'static str) -> DataError {
        let found = format!("has `{}` {found}", self.name);
        DataError::Foreign { file: file.to_string(), expected: "file of samples", found, mend }
    }

    /// The elements as numbers, one after the other.
    fn each(&self) -> Option<Box<dyn Iterator<Item = f64> + '_>> {
        macro_rules! numbers {
            ($type:ty) => {{
                let (chunks, _) = self.bytes.as_chunks();
                Some(Box::new(chunks.iter().map(|bytes| <$type>::from_le_bytes(*bytes) as f64)))
            }};
        }
        macro_rules! halves {
            ($type:ty) => {{
                let (chunks, _) = self.bytes.as_chunks();
                Some(Box::new(chunks.iter().map(|bytes| <$type>::from_le_bytes(*bytes).to_f64())))
            }};
        }
        match self.dtype {
            Dtype::F64 => numbers!(f64),
            Dtype::F32 => numbers!(f32),
            Dtype::F16 => halves!(half::f16),
            Dtype::BF16 => halves!(half::bf16),
            Dtype::U64 => numbers!(u64),
            Dtype::I64 => numbers!(i64),
            Dtype::U32 => numbers!(u32),
            Dtype::I32 => numbers!(i32),
            Dtype::U16 => numbers!(u16),
            Dtype::I16 => numbers!(i16),
            Dtype::U8 | Dtype::BOOL => numbers!(u8),
            Dtype::I8 => numbers!(i8),
            _ => None,
        }
    }

    fn numbers(&self, file: &str) -> Result<Box<dyn Iterator<Item = f64> + '_>, DataError> {
        let unknown =
            || self.foreign(file, format!("of the type {:?}", self.dtype), "convert it to float32, uint8 or int64");
        self.each().ok_or_else(unknown)
    }
}

/// A tensor of a safetensors file.
fn tensor(file: &str, bytes: &[u8], name: &str) -> Result<Named, DataError> {
    let foreign = |found: String| DataError::Foreign {
        file: file.to_string(),
        expected: "`.npz` or safetensors file of samples",
        found,
        mend: "store the images as (samples, [time,] channels, rows, columns) and the labels as (samples)",
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| foreign(format!("is refused: {error}")))?;
    let Ok(view) = tensors.tensor(name) else {
        let mut names: Vec<&String> = tensors.names();
        names.sort_unstable();
        let names = names.into_iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(foreign(format!("has no tensor `{name}`, but {names}")));
    };
    // files of this crate have metadata with a checksum, which reading them as a state verifies
    if !SafeTensors::read_metadata(bytes).is_ok_and(|(_, header)| header.metadata().is_none()) {
        StateDict::from_safetensors(bytes).map_err(|error| foreign(format!("is refused: {error}")))?;
    }
    Ok(Named { name: name.to_string(), dtype: view.dtype(), dims: view.shape().to_vec(), bytes: view.data().to_vec() })
}

fn assemble(file: &str, images: Named, labels: Named) -> Result<Arrays, DataError> {
    let (frames, shape) = match images.dims[..] {
        [_, h, w] => (1, Map::new(1, h, w)),
        // as programs store them that have the channels last
        [_, h, w, last @ (3 | 4)] if h > 4 && w != last => {
            let found = format!("of dimensions {:?}, whose channels seem to be last", images.dims);
            return Err(images.foreign(file, found, "put them before the rows, by `numpy.moveaxis(images, -1, 1)`"));
        }
        [_, c, h, w] => (1, Map::new(c, h, w)),
        [_, time, c, h, w] => (time, Map::new(c, h, w)),
        _ => {
            let found = format!("of dimensions {:?}", images.dims);
            return Err(images.foreign(file, found, "store them as (samples, [time,] channels, rows, columns)"));
        }
    };
    if !matches!(labels.dims[..], [_] | [_, 1]) {
        let found = format!("of dimensions {:?}", labels.dims);
        return Err(labels.foreign(
            file,
            found,
            "store one number of a class for each sample, by `argmax(1)` from one-hot rows",
        ));
    }
    let label = |(index, label): (usize, f64)| {
        let whole = label.fract() == 0.0 && (0.0..f64::from(u16::MAX)).contains(&label);
        let wrong = || labels.foreign(file, format!("{label} for sample {index}"), "number the classes from 0");
        if whole { Ok(label as u16) } else { Err(wrong()) }
    };
    let numbers = labels.numbers(file)?.enumerate().map(label).collect::<Result<Vec<u16>, _>>()?;
    let classes = numbers.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let values = match images.dtype {
        Dtype::U8 => Values::Bytes(images.bytes),
        _ => Values::Floats(images.numbers(file)?.map(|value| value as f32).collect()),
    };
    Arrays::new(file, values, frames, shape, numbers, (0..classes).map(|class| class.to_string()).collect())
}

impl Dataset for Arrays {
    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn shape(&self) -> Option<Map> {
        Some(self.shape)
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let len = self.labels.len();
        if index >= len {
            return Err(DataError::Index { index, len });
        }
        let units = self.shape.units() * self.frames;
        let place = index * units..(index + 1) * units;
        let values = match &self.values {
            Values::Bytes(values) => Values::Bytes(values[place].to_vec()),
            Values::Floats(values) => Values::Floats(values[place].to_vec()),
        };
        Sample::new(&self.name, values, self.frames, self.shape)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::interop::npz::Array;

    fn floats(count: usize) -> Vec<f32> {
        (0..count).map(|i| i as f32).collect()
    }

    #[test]
    fn films_are_read_from_safetensors_and_npz() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("films");
        let values = floats(2 * 3 * 4);
        let mut state = StateDict::default();
        state.insert("images", &[2, 3, 1, 2, 2], &values);
        state.insert("labels", &[2], &[1f32, 0.0]);
        std::fs::write(&path, state.to_safetensors().unwrap()).unwrap();
        let tensors = Arrays::read(&path, "images", "labels").unwrap();
        npz::write(&path, &[Array::new("x", &[2, 3, 1, 2, 2], &values[..]), Array::new("y", &[2, 1], &[1i64, 0][..])])
            .unwrap();
        let arrays = Arrays::read(&path, "x", "y").unwrap();
        for films in [tensors, arrays] {
            let film = films.sample(1).unwrap();
            assert_eq!((film.frames(), film.values()), (3, &Values::Floats(values[12..].to_vec())));
            assert_eq!((films.labels(), films.classes()), (&[1, 0][..], &["0".to_string(), "1".to_string()][..]));
            assert!(films.sample(2).is_err());
            let named = films.clone().classed(["a", "b", "c"].map(String::from).to_vec()).unwrap();
            assert_eq!(named.classes()[2], "c");
            let error = films.classed(vec!["a".into()]).unwrap_err();
            assert!(matches!(error, DataError::LabelRange { index: 0, label: 1, classes: 1, .. }));
        }
    }

    /// Whole numbers of every width, and what is no number of a class.
    #[test]
    fn labels_of_any_type_are_numbers_of_classes() {
        let named = |dtype, bytes: &[u8]| Named { name: "labels".into(), dtype, dims: vec![2], bytes: bytes.to_vec() };
        let images = || Named { name: "images".into(), dtype: Dtype::U8, dims: vec![2, 1, 2], bytes: vec![1, 2, 3, 4] };
        for (dtype, bytes) in [
            (Dtype::U8, vec![3, 1]),
            (Dtype::I8, vec![3, 1]),
            (Dtype::I16, vec![3, 0, 1, 0]),
            (Dtype::U32, [3u32, 1].map(u32::to_le_bytes).concat()),
            (Dtype::I64, [3i64, 1].map(i64::to_le_bytes).concat()),
            (Dtype::F32, [3f32, 1.0].map(f32::to_le_bytes).concat()),
            (Dtype::F64, [3f64, 1.0].map(f64::to_le_bytes).concat()),
            (Dtype::F16, [half::f16::from_f32(3.0), half::f16::ONE].map(half::f16::to_le_bytes).concat()),
        ] {
            let set = assemble("f", images(), named(dtype, &bytes)).unwrap();
            assert_eq!((set.labels(), set.classes().len()), (&[3, 1][..], 4), "{dtype:?}");
            assert_eq!(set.sample(1).unwrap().values(), &Values::Bytes(vec![3, 4]));
        }
        for (wrong, word) in
            [([0.5f64, 0.0], "0.5"), ([0.0, -1.0], "-1 for sample 1"), ([f64::NAN, 0.0], "NaN"), ([7e4, 0.0], "70000")]
        {
            let error = assemble("f", images(), named(Dtype::F64, &wrong.map(f64::to_le_bytes).concat()))
                .unwrap_err()
                .to_string();
            assert!(error.contains(word) && error.contains("`labels`"), "{error}");
        }
    }

    #[test]
    fn what_is_no_set_of_samples_is_refused_with_its_mend() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.npz");
        let error = |images: &[usize], labels: &[usize], change: &dyn Fn(&mut Vec<f32>)| {
            let mut values = floats(images.iter().product());
            change(&mut values);
            let numbers = vec![0i64; labels.iter().product()];
            npz::write(&path, &[Array::new("images", images, &values[..]), Array::new("labels", labels, &numbers[..])])
                .unwrap();
            Arrays::read(&path, "images", "labels").unwrap_err().to_string()
        };
        for (images, labels, word) in [
            (&[2, 8, 8, 3][..], &[2][..], "moveaxis"),
            (&[2, 8][..], &[2][..], "[2, 8]"),
            (&[2, 1, 2, 2][..], &[3][..], "2 images and 3 labels"),
            (&[2, 1, 2, 2][..], &[2, 10][..], "argmax"),
            (&[0, 1, 2, 2][..], &[1][..], "0 images and 1 labels"),
            (&[2, 0, 2, 2][..], &[2][..], "no whole number"),
        ] {
            let error = error(images, labels, &|_| ());
            assert!(error.contains(word) && error.contains("samples.npz"), "{error}");
        }
        let nan = error(&[3, 1, 2, 2], &[3], &|values| values[6] = f32::NAN);
        assert!(nan.contains("sample 1") && nan.contains("NaN"), "{nan}");
        let error = Arrays::read(&path, "pictures", "labels").unwrap_err().to_string();
        assert!(error.contains("no array `pictures`, but images, labels"), "{error}");
        std::fs::write(&path, b"no tensors").unwrap();
        assert!(Arrays::read(&path, "images", "labels").is_err());
        // small images of three columns have their channels first
        let small = Named { name: "x".into(), dtype: Dtype::U8, dims: vec![1, 8, 3, 3], bytes: vec![0; 72] };
        let labels = Named { name: "y".into(), dtype: Dtype::U8, dims: vec![1], bytes: vec![0] };
        assert_eq!(assemble("f", small, labels).unwrap().shape(), Some(Map::new(8, 3, 3)));
    }
}
