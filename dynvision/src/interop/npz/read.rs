//! Reading `.npy` and `.npz`.

use crate::file::{FileError, StateDict, StateError, named, product};
use safetensors::Dtype;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// DEFLATE expands a byte to at most this many.
const GREATEST_EXPANSION: u64 = 1032;
/// NumPy's headers are a line of less than a hundred bytes, and a name and format for each field of a record.
const LONGEST_HEADER: u32 = 1 << 20;

/// An array as it was read: little-endian bytes, last dimension fastest, whatever the order in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl NpyArray {
    /// The type of its elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its dimensions; none for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, little-endian, last dimension fastest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_parts(self) -> (Dtype, Vec<usize>, Vec<u8>) {
        (self.dtype, self.shape, self.bytes)
    }
}

/// Reads a `.npy` file.
///
/// ```
/// use dynvision::interop::npz;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("labels.npy");
/// // numpy.save("labels.npy", numpy.array([3, 1], dtype="uint8"))
/// let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
/// std::fs::write(&path, [&b"\x93NUMPY\x01\x00"[..], &[header.len() as u8, 0][..], header.as_bytes(), &[3, 1]].concat())?;
/// let labels = npz::read_npy(&path)?;
/// assert_eq!((labels.shape(), labels.bytes()), (&[2][..], &[3, 1][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file that cannot be read, is of another kind, or is shorter or longer than its header says; elements that are neither whole numbers, floating
/// point numbers nor booleans; each names the file.
pub fn read_npy(path: impl AsRef<Path>) -> Result<NpyArray, FileError> {
    fn read_npy(path: &Path) -> Result<NpyArray, FileError> {
        let cannot = |error| FileError::from(named("read", path, error));
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(cannot(io::Error::other("not a regular file")));
        }
        match array(&mut BufReader::new(file), metadata.len()) {
            Ok(array) => Ok(array),
            Err(Failed::Read(error)) => Err(cannot(error)),
            Err(Failed::Found(found)) => Err(FileError::in_file(path, foreign(found))),
        }
    }
    read_npy(path.as_ref())
}

/// The arrays of an `.npz`, read when they are asked for.
#[derive(Debug)]
pub struct NpzFile {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    size: u64,
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl NpzFile {
    /// Opens an archive; its arrays are not read.
    ///
    /// # Errors
    /// A file that cannot be read or is no zip archive.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let cannot = |error| FileError::from(named("read", path, error));
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(cannot(io::Error::other("not a regular file")));
        }
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|error| FileError::in_file(path, foreign(format!("it is no zip archive ({error})"))))?;
        let name = |name: &str| name.strip_suffix(".npy").unwrap_or(name).to_string();
        let names: Vec<String> =
            (0..archive.len()).map(|at| name(archive.name_for_index(at).unwrap_or_default())).collect();
        let mut places = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            if places.insert(name.clone(), at).is_some() {
                let found = format!("two of its arrays are named `{name}`, with and without `.npy`");
                return Err(FileError::in_file(path, foreign(found)));
            }
        }
        Ok(NpzFile { path: path.to_path_buf(), archive, size: metadata.len(), names, places })
    }

    /// The names of the arrays, in the order of the archive.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads one array.
    ///
    /// # Errors
    /// A name that no array has, with those that there are; else as [`read_npy`].
    pub fn read(&mut self, name: &str) -> Result<NpyArray, FileError> {
        let Some(&at) = self.places.get(name) else {
            let shown: Vec<&str> = self.names.iter().take(10).map(String::as_str).collect();
            let more = if self.names.len() > shown.len() { ", .." } else { "" };
            let found = format!("it has no array `{name}`, but {}{more}", shown.join(", "));
            return Err(FileError::in_file(&self.path, foreign(found)));
        };
        let bad = |found: String| FileError::in_file(&self.path, foreign(format!("array `{name}`: {found}")));
        let mut entry = self.archive.by_index(at).map_err(|error| bad(error.to_string()))?;
        // no more can come than the file could hold
        let greatest = entry.size().min(self.size.saturating_mul(GREATEST_EXPANSION));
        match array(&mut entry, greatest) {
            Ok(array) => Ok(array),
            Err(Failed::Read(error)) => Err(bad(format!("damaged or cut off ({error})"))),
            Err(Failed::Found(found)) => Err(bad(found)),
        }
    }
}

/// Reads all arrays of an `.npz` as named tensors.
///
/// ```
/// use dynvision::interop::npz::{self, Array};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("responses.npz");
/// npz::write(&path, &[Array::new("v1", &[2], &[0.5f32, 1.5][..])])?;
/// assert_eq!(npz::read(&path)?.get::<f32>("v1", &[2])?, [0.5, 1.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`NpzFile::read`].
pub fn read(path: impl AsRef<Path>) -> Result<StateDict, FileError> {
    fn read(path: &Path) -> Result<StateDict, FileError> {
        let mut file = NpzFile::open(path)?;
        let mut state = StateDict::default();
        for name in file.names.clone() {
            let (dtype, shape, bytes) = file.read(&name)?.into_parts();
            state.insert_bytes(name, dtype, shape, bytes);
        }
        Ok(state)
    }
    read(path.as_ref())
}

fn foreign(found: impl Into<String>) -> StateError {
    StateError::Foreign { format: "NumPy file", found: found.into() }
}

enum Failed {
    Read(io::Error),
    Found(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::Read(error)
    }
}

impl From<String> for Failed {
    fn from(found: String) -> Self {
        Failed::Found(found)
    }
}

/// One array from a reader of at most `greatest` bytes.
fn array(reader: &mut impl Read, greatest: u64) -> Result<NpyArray, Failed> {
    let mut magic = Vec::new();
    reader.take(8).read_to_end(&mut magic)?;
    let Some(&[b'\x93', b'N', b'U', b'M', b'P', b'Y', version, _]) = magic.first_chunk::<8>() else {
        return Err(Failed::Found(format!("it begins with {magic:02x?} and not as a `.npy` does")));
    };
    let length = match version {
        1 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length)?;
            u32::from(u16::from_le_bytes(length))
        }
        2 | 3 => {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            u32::from_le_bytes(length)
        }
        _ => return Err(Failed::Found(format!("it has version {version} of the format; 1 to 3 are known"))),
    };
    if length > LONGEST_HEADER {
        return Err(Failed::Found(format!("its header would have {length} bytes")));
    }
    let mut header = Vec::new();
    reader.take(u64::from(length)).read_to_end(&mut header)?;
    let header = std::str::from_utf8(&header).map_err(|_| "its header is no text".to_string())?;
    let Header { dtype, big_endian, by_columns, shape } = Header::parse(header)?;
    let size = dtype.size();
    let count = product(&shape).and_then(|count| count.checked_mul(size));
    let expected = count
        .filter(|&count| count as u64 <= greatest)
        .ok_or_else(|| format!("its shape {shape:?} needs more bytes than the {greatest} that it can hold"))?;
    let mut bytes = Vec::new();
    // one more shows what is too long, and makes a decoder verify its checksum
    reader.take(expected as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() != expected {
        let found = if bytes.len() > expected { "more".to_string() } else { bytes.len().to_string() };
        return Err(Failed::Found(format!("its shape {shape:?} needs {expected} bytes, and {found} are there")));
    }
    if big_endian {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if by_columns {
        bytes = by_rows(&bytes, size, &shape);
    }
    Ok(NpyArray { dtype, shape, bytes })
}

/// Elements with the first dimension fastest, put with the last fastest.
fn by_rows(bytes: &[u8], size: usize, shape: &[usize]) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &dim in shape {
        strides.push(stride);
        stride *= dim;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut index, mut at) = (vec![0; shape.len()], 0);
    while out.len() < bytes.len() {
        out.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= shape[axis] * strides[axis];
            index[axis] = 0;
        }
    }
    out
}

struct Header {
    dtype: Dtype,
    big_endian: bool,
    by_columns: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses the dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("its header {:?} is not one of NumPy's", text.trim_end().chars().take(100).collect::<String>());
        let value = |key: &str| {
            let key = [format!("'{key}'"), format!("\"{key}\"")];
            let after = key.iter().find_map(|key| text.split_once(key.as_str()))?.1;
            Some(after.trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = value("descr").ok_or_else(wrong)?;
        let Some(quote) = descr.chars().next().filter(|quote| ['\'', '"'].contains(quote)) else {
            return Err("its elements are records: store each field as an array of its own".to_string());
        };
        let (descr, _) = descr[1..].split_once(quote).ok_or_else(wrong)?;
        let order = value("fortran_order").ok_or_else(wrong)?;
        let by_columns = match (order.starts_with("True"), order.starts_with("False")) {
            (true, _) => true,
            (_, true) => false,
            _ => return Err(wrong()),
        };
        let shape = value("shape").and_then(|shape| shape.strip_prefix('(')?.split_once(')')).ok_or_else(wrong)?.0;
        // a tuple of one ends in a comma, and Python 2 writes its long numbers with an L
        let dim = |dim: &str| dim.trim().trim_end_matches('L').parse::<usize>().map_err(|_| wrong());
        let parts: Vec<&str> = shape.split(',').map(str::trim).filter(|dim| !dim.is_empty()).collect();
        if parts.len() > 64 {
            return Err(format!("it has {} dimensions", parts.len()));
        }
        let shape = parts.into_iter().map(dim).collect::<Result<Vec<usize>, String>>()?;
        let (endian, kind) = match descr.strip_prefix(['<', '>', '|', '=']) {
            Some(kind) => (descr.as_bytes().first().copied(), kind),
            None => (None, descr),
        };
        let dtype = match kind {
            "b1" | "?" => Dtype::BOOL,
            "u1" => Dtype::U8,
            "i1" => Dtype::I8,
            "u2" => Dtype::U16,
            "i2" => Dtype::I16,
            "u4" => Dtype::U32,
            "i4" => Dtype::I32,
            "u8" => Dtype::U64,
            "i8" => Dtype::I64,
            "f2" => Dtype::F16,
            "f4" => Dtype::F32,
            "f8" => Dtype::F64,
            "O" => {
                return Err(
                    "its elements are objects of Python, which would have to be executed: store numbers".to_string()
                );
            }
            kind => {
                let kind: String = kind.chars().take(20).collect();
                return Err(format!(
                    "its elements are of the type `{kind}`: convert them, for example by `array.astype(\"float32\")`"
                ));
            }
        };
        Ok(Header { dtype, big_endian: endian == Some(b'>'), by_columns, shape })
    }
}

/// The array of the bytes of a `.npy`.
///
/// # Errors
/// As [`read_npy`].
pub fn npy_from_bytes(bytes: &[u8]) -> Result<NpyArray, StateError> {
    array(&mut &bytes[..], bytes.len() as u64).map_err(|failed| match failed {
        Failed::Read(error) => foreign(format!("it is cut off ({error})")),
        Failed::Found(found) => foreign(found),
    })
}
