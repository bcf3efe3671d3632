//! Named arrays for and from NumPy: `.npz`, a zip archive of `.npy` files
//! ([format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html); written in version 1.0, read up to 3.0).

mod read;

pub use read::{NpyArray, NpzFile, npy_from_bytes, read, read_npy};

use super::{StateDict, atomic};
use std::collections::HashSet;
use std::io::{self, Seek, Write};
use std::path::Path;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Numbers of one of the types that an array may have, last dimension fastest.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Values<'a> {
    /// `float32`.
    F32(&'a [f32]),
    /// `float64`.
    F64(&'a [f64]),
    /// `int64`.
    I64(&'a [i64]),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::I64(values) => values.len(),
        }
    }

    fn descr(&self) -> &'static str {
        match self {
            Values::F32(_) => "<f4",
            Values::F64(_) => "<f8",
            Values::I64(_) => "<i8",
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Values::F32(values) => write_all(out, values, |value| value.to_le_bytes()),
            Values::F64(values) => write_all(out, values, |value| value.to_le_bytes()),
            Values::I64(values) => write_all(out, values, |value| value.to_le_bytes()),
        }
    }
}

/// Bytes by the thousand, since a compressor takes its time per call.
fn write_all<T: Copy, const N: usize>(
    out: &mut impl Write,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(N * 1024);
    for chunk in values.chunks(1024) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|&value| bytes(value)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

impl<'a> From<&'a [f32]> for Values<'a> {
    fn from(values: &'a [f32]) -> Self {
        Values::F32(values)
    }
}

impl<'a> From<&'a [f64]> for Values<'a> {
    fn from(values: &'a [f64]) -> Self {
        Values::F64(values)
    }
}

impl<'a> From<&'a [i64]> for Values<'a> {
    fn from(values: &'a [i64]) -> Self {
        Values::I64(values)
    }
}

/// A named array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<'a> {
    /// Its name in the archive.
    pub name: &'a str,
    /// Its dimensions; none for a single number.
    pub shape: &'a [usize],
    /// Its elements, as many as the product of the dimensions.
    pub values: Values<'a>,
}

impl<'a> Array<'a> {
    /// A named array.
    pub fn new(name: &'a str, shape: &'a [usize], values: impl Into<Values<'a>>) -> Self {
        Array { name, shape, values: values.into() }
    }
}

/// Writes a compressed `.npz` with the given arrays, in their order, atomically.
///
/// ```
/// use dynvision::interop::npz::{self, Array};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("responses.npz");
/// npz::write(&path, &[Array::new("v1", &[2, 2], &[0.0f32, 1.0, 2.0, 3.0][..])])?;
/// // In Python: numpy.load("responses.npz")["v1"]
/// assert!(path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// A shape whose product is not the number of elements, a name that is empty, occurs twice or cannot be one of a file, and the
/// errors of the file system.
pub fn write(path: impl AsRef<Path>, arrays: &[Array<'_>]) -> io::Result<()> {
    fn write(path: &Path, arrays: &[Array<'_>]) -> io::Result<()> {
        check(arrays)?;
        atomic::write(path, |file| {
            // The archive's writer seeks back to put in sizes, so it needs the file itself behind the buffer.
            let mut archive = ZipWriter::new(file);
            for array in arrays {
                write_array(&mut archive, array)?;
            }
            archive.finish()?;
            Ok(())
        })
    }
    write(path.as_ref(), arrays)
}

/// Writes a compressed `.npz` with the tensors of a state, such as the recorded [`responses`](super::responses()) of a
/// model, in the order of their names, atomically.
///
/// ```
/// use dynvision::interop::{StateDict, npz};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("state.npz");
/// let mut state = StateDict::default();
/// state.insert("v1", &[2], &[0.5f32, 1.5]);
/// npz::write_state(&path, &state)?;
/// assert!(path.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`write()`]; tensors that are neither `f32` nor `f64`.
pub fn write_state(path: impl AsRef<Path>, state: &StateDict) -> io::Result<()> {
    fn write_state(path: &Path, state: &StateDict) -> io::Result<()> {
        let refuse = |error: super::StateError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let mut tensors = Vec::new();
        for name in state.names() {
            let (shape, doubles) = state.numbers(name).map_err(refuse)?;
            tensors.push((name, state.get::<f32>(name, &shape).ok(), doubles, shape));
        }
        let arrays: Vec<Array<'_>> = tensors
            .iter()
            .map(|(name, singles, doubles, shape)| match singles {
                Some(singles) => Array::new(name, shape, &singles[..]),
                None => Array::new(name, shape, &doubles[..]),
            })
            .collect();
        write(path, &arrays)
    }
    write_state(path.as_ref(), state)
}

fn check(arrays: &[Array<'_>]) -> io::Result<()> {
    let refuse = |message: String| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    let mut names = HashSet::with_capacity(arrays.len());
    for array in arrays {
        let (name, shape) = (array.name, array.shape);
        if name.is_empty()
            || name.starts_with('/')
            || name.contains(['\0', '\\', ':'])
            || name.split('/').any(|p| p == "..")
        {
            return refuse(format!("{name:?} is no name for an array: take one like `v1` or `area/v1`"));
        }
        if !names.insert(name) {
            return refuse(format!("two arrays have the name `{name}`: give each its own"));
        }
        if shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)) != Some(array.values.len()) {
            let len = array.values.len();
            return refuse(format!("array `{name}` has the shape {shape:?} and {len} elements: correct the shape"));
        }
    }
    Ok(())
}

fn write_array(archive: &mut ZipWriter<impl Write + Seek>, array: &Array<'_>) -> io::Result<()> {
    // Sizes of 4 GiB and more need the 64-bit fields, which have to be announced. The time stamp is the crate's fixed one,
    // so the same arrays give the same file.
    let large = array.values.len() >= (1 << 28);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(large);
    archive.start_file(format!("{}.npy", array.name), options)?;
    archive.write_all(&header(array))?;
    array.values.write(archive)
}

/// Magic, version, length and a Python dictionary, filled with spaces to a multiple of 64 bytes.
fn header(array: &Array<'_>) -> Vec<u8> {
    let dims: Vec<String> = array.shape.iter().map(ToString::to_string).collect();
    // A Python tuple of one element ends in a comma.
    let comma = if dims.len() == 1 { "," } else { "" };
    let (descr, dims) = (array.values.descr(), dims.join(", "));
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}{comma}), }}");
    let prefix = 10;
    let length = (prefix + dict.len() + 1).next_multiple_of(64) - prefix;
    dict.extend(std::iter::repeat_n(' ', length - dict.len() - 1));
    dict.push('\n');
    // The length has 16 bits: room for more dimensions than NumPy allows.
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, dict.as_bytes()].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use dfdx::prelude::{Cpu, Rank2, Tensor, ZerosTensor};
    use std::io::Read;

    /// The files of an archive, in their order.
    fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
        let count = archive.len();
        let read = |index| {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().to_string(), bytes)
        };
        (0..count).map(read).collect()
    }

    /// dfdx has a reader of its own, for uncompressed files.
    #[test]
    fn dfdx_reads_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("responses.npz");
        let values = [0.5f32, -1.25, 3e-30, 4.0, 5.0, f32::MAX];
        write(&path, &[Array::new("v1", &[2, 3], &values[..])]).unwrap();
        let npy = folder.path().join("v1.npy");
        std::fs::write(&npy, &entries(&path)[0].1).unwrap();
        let mut read: Tensor<Rank2<2, 3>, f32, _> = Cpu::default().zeros();
        read.load_from_npy(&npy).unwrap();
        assert_eq!(read.as_vec(), values);
    }

    #[test]
    fn a_state_keeps_its_types() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.npz");
        let mut state = StateDict::default();
        state.insert("b", &[2], &[0.5f32, -1.0]);
        state.insert("a.present", &[1], &[1.0f64 / 3.0]);
        write_state(&path, &state).unwrap();
        let [(a, doubles), (b, singles)] = entries(&path).try_into().unwrap();
        assert_eq!((a.as_str(), b.as_str()), ("a.present.npy", "b.npy"));
        assert_eq!(doubles[128..], (1.0f64 / 3.0).to_le_bytes());
        assert_eq!(singles[128..], [0.5f32.to_le_bytes(), (-1.0f32).to_le_bytes()].concat());
        assert!(std::str::from_utf8(&singles[10..128]).unwrap().contains("'<f4'"));
    }

    #[test]
    fn headers_are_those_of_numpy() {
        // As `numpy.save` writes them.
        let shapes: [(&[usize], &str); 3] = [(&[], "()"), (&[3], "(3,)"), (&[2, 3], "(2, 3)")];
        for (shape, text) in shapes {
            let values = vec![0i64; shape.iter().product()];
            let header = header(&Array::new("a", shape, &values[..]));
            assert_eq!(header.len() % 64, 0);
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
            let dict = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': {text}, }}");
            assert_eq!(std::str::from_utf8(&header[10..]).unwrap().trim_end(), dict);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn all_types_are_written_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.npz");
        let (double, integer) = ([1.0f64 / 3.0], [i64::MIN, -1, i64::MAX]);
        write(&path, &[Array::new("b/double", &[], &double[..]), Array::new("a", &[3], &integer[..])]).unwrap();
        let entry = |index: usize| {
            let (name, bytes) = entries(&path).swap_remove(index);
            (name, bytes[128..].to_vec())
        };
        assert_eq!(entry(0), ("b/double.npy".to_string(), double[0].to_le_bytes().to_vec()));
        assert_eq!(entry(1), ("a.npy".to_string(), integer.iter().flat_map(|v| v.to_le_bytes()).collect()));
    }

    #[test]
    fn two_arrays_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twice.npz");
        let mut archive = ZipWriter::new(std::fs::File::create(&path).unwrap());
        for name in ["v1.npy", "v1"] {
            archive.start_file(name, SimpleFileOptions::default()).unwrap();
            archive.write_all(&header(&Array::new("v1", &[0], &[0.0f32; 0][..]))).unwrap();
        }
        archive.finish().unwrap();
        let says = read(&path).unwrap_err().to_string();
        assert!(says.contains("twice.npz") && says.contains("`v1`"), "{says}");
    }

    #[test]
    fn wrong_arrays_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrong.npz");
        let one = [1.0f32];
        let array = |name, shape| Array::new(name, shape, &one[..]);
        for arrays in [
            vec![array("v1", &[2])],
            vec![array("v1", &[1]), array("v1", &[1])],
            vec![array("", &[1])],
            vec![array("../v1", &[1])],
            vec![array("v1", &[usize::MAX, 2, usize::MAX])],
        ] {
            assert_eq!(write(&path, &arrays).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
