//! A writer of Zarr version 3: a folder with a JSON description for each array, and a file for each chunk.

use crate::run_error::RunError;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A dimension of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// Its name, as xarray knows it.
    pub name: &'static str,
    /// Its size.
    pub size: usize,
    /// The size of a chunk along it.
    pub chunk: usize,
}

/// A group of arrays, each of which has named dimensions.
#[derive(Debug)]
pub struct ZarrGroup {
    folder: PathBuf,
}

/// A number that a coordinate holds.
pub trait Coordinate: Copy {
    /// The name of the type in Zarr.
    const TYPE: &'static str;
    /// Its bytes, the lowest first.
    fn bytes(self) -> [u8; 8];
}

impl Coordinate for f64 {
    const TYPE: &'static str = "float64";
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

impl Coordinate for i64 {
    const TYPE: &'static str = "int64";
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

impl ZarrGroup {
    /// Makes a group in a folder that is not there yet.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn new(folder: &Path, attributes: Value) -> Result<Self, RunError> {
        std::fs::create_dir_all(folder).map_err(RunError::file("make the folder", folder))?;
        let group = ZarrGroup { folder: folder.into() };
        describe(folder, &json!({ "zarr_format": 3, "node_type": "group", "attributes": attributes }))?;
        Ok(group)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the coordinate of a dimension, which has its name.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn coordinate<T: Coordinate>(&self, name: &str, values: &[T], attributes: Value) -> Result<(), RunError> {
        self.along(name, name, values, attributes)
    }

    /// Writes numbers along a dimension, of which each belongs to one place.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn along<T: Coordinate>(
        &self,
        name: &str,
        dimension: &str,
        values: &[T],
        attributes: Value,
    ) -> Result<(), RunError> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).map_err(RunError::file("make the folder", &folder))?;
        let fill = if T::TYPE == "float64" { json!("NaN") } else { json!(0) };
        // an array without values has chunks of one all the same
        let shape = [values.len().max(1)];
        let size = [values.len()];
        describe(&folder, &description(T::TYPE, fill, &size, &shape, &json!([dimension]), attributes))?;
        if values.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.bytes()).collect();
        FullChunk::new(&folder, &[0], bytes).write()
    }

    /// Begins an array of `float32`, whose first dimension are the samples and whose second are the steps. What is not
    /// written is NaN. Where `names` are given, they are those of the dimensions from the third on.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn array(
        &self,
        name: &str,
        dimensions: &[Dimension],
        names: Option<&[String]>,
        attributes: Value,
    ) -> Result<ZarrArray, RunError> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).map_err(RunError::file("make the folder", &folder))?;
        let sizes: Vec<usize> = dimensions.iter().map(|d| d.size).collect();
        let chunks: Vec<usize> = dimensions.iter().map(|d| d.chunk.max(1)).collect();
        let named: Vec<&str> = dimensions
            .iter()
            .enumerate()
            .map(|(i, d)| i.checked_sub(2).and_then(|i| names?.get(i)).map_or(d.name, String::as_str))
            .collect();
        describe(&folder, &description("float32", json!("NaN"), &sizes, &chunks, &json!(named), attributes))?;
        let units = chunks.iter().skip(2).product();
        let (samples, steps) = (chunks.first().copied().unwrap_or(1), chunks.get(1).copied().unwrap_or(1));
        Ok(ZarrArray { folder, axes: dimensions.len(), samples, steps, units, batch: 0, at: None, values: Vec::new() })
    }
}

fn description(kind: &str, fill: Value, sizes: &[usize], chunks: &[usize], names: &Value, attributes: Value) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": sizes,
        "data_type": kind,
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunks } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": fill,
        "codecs": [
            { "name": "bytes", "configuration": { "endian": "little" } },
            { "name": "gzip", "configuration": { "level": 1 } },
        ],
        "dimension_names": names,
        "attributes": attributes,
    })
}

fn describe(folder: &Path, description: &Value) -> Result<(), RunError> {
    let path = folder.join("zarr.json");
    std::fs::write(&path, format!("{description:#}\n")).map_err(RunError::file("write", &path))
}

/// A chunk that is full, and the file that it is written to.
#[derive(Debug)]
pub(crate) struct FullChunk {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl FullChunk {
    /// The chunk at a place on the grid of an array.
    fn new(folder: &Path, place: &[usize], bytes: Vec<u8>) -> Self {
        let path = place.iter().fold(folder.join("c"), |path, index| path.join(index.to_string()));
        FullChunk { path, bytes }
    }

    /// Packs it and writes it.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub(crate) fn write(self) -> Result<(), RunError> {
        let FullChunk { path, bytes } = self;
        let parent = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(parent).map_err(RunError::file("make the folder", parent))?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::new(1));
        let packed = packed.write_all(&bytes).and_then(|()| packed.finish()).map_err(RunError::file("pack", &path))?;
        std::fs::write(&path, packed).map_err(RunError::file("write", &path))
    }
}

/// An array that is written batch after batch and step after step; a chunk is in memory until it is full.
#[derive(Debug)]
pub struct ZarrArray {
    folder: PathBuf,
    axes: usize,
    /// Samples, steps and units of a chunk.
    samples: usize,
    steps: usize,
    units: usize,
    batch: usize,
    /// The chunk along the steps that `values` are of.
    at: Option<usize>,
    values: Vec<f32>,
}

impl ZarrArray {
    /// Writes what a batch answered at a step, `(samples, units)`. The steps of a batch come in their order.
    ///
    /// # Errors
    ///
    /// Values that do not fit; those of the file system.
    pub fn step(&mut self, step: usize, samples: usize, values: &[f32]) -> Result<(), RunError> {
        self.put(step, samples, values)?.map_or(Ok(()), FullChunk::write)
    }

    /// Ends a batch; the next samples follow.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn next_batch(&mut self) -> Result<(), RunError> {
        self.end_batch().map_or(Ok(()), FullChunk::write)
    }

    /// As [`step`](ZarrArray::step), and returns the chunk that is full by now instead of writing it.
    pub(crate) fn put(&mut self, step: usize, samples: usize, values: &[f32]) -> Result<Option<FullChunk>, RunError> {
        if samples > self.samples || values.len() != samples * self.units {
            return Err(RunError::Setting(format!(
                "{} values of {samples} samples do not fit into chunks of {} samples of {} units each",
                values.len(),
                self.samples,
                self.units
            )));
        }
        let chunk = step / self.steps;
        let mut full = None;
        if self.at != Some(chunk) {
            full = self.take();
            self.at = Some(chunk);
            self.values.resize(self.samples * self.steps * self.units, f32::NAN);
        }
        for (sample, units) in values.chunks_exact(self.units.max(1)).enumerate() {
            let from = (sample * self.steps + step % self.steps) * self.units;
            if let Some(place) = self.values.get_mut(from..from + self.units) {
                place.copy_from_slice(units);
            }
        }
        Ok(full)
    }

    /// As [`next_batch`](ZarrArray::next_batch), and returns the last chunk instead of writing it.
    pub(crate) fn end_batch(&mut self) -> Option<FullChunk> {
        let last = self.take();
        self.batch += 1;
        last
    }

    fn take(&mut self) -> Option<FullChunk> {
        let at = self.at.take()?;
        let bytes = self.values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.values.clear();
        let place: Vec<usize> = [self.batch, at].into_iter().chain(std::iter::repeat(0)).take(self.axes).collect();
        Some(FullChunk::new(&self.folder, &place, bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    fn read(path: &Path) -> Vec<f32> {
        let mut bytes = Vec::new();
        GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// By hand, after the specification: chunk (i, j) of a regular grid is the file `c/i/j`, row-major, padded at the edges.
    #[test]
    fn chunks_lie_where_the_specification_says() {
        let folder = tempfile::tempdir().unwrap();
        let group = ZarrGroup::new(&folder.path().join("r.zarr"), json!({})).unwrap();
        let of = |name, size, chunk| Dimension { name, size, chunk };
        let dimensions = [of("sample", 3, 2), of("time", 3, 2), of("channel", 2, 2)];
        let mut array = group.array("v1", &dimensions, None, json!({})).unwrap();
        // the value says sample, step and unit; the first step of the first batch has no signal
        let value = |sample: usize, step: usize, unit: usize| (100 * sample + 10 * step + unit) as f32;
        let at = |samples: &[usize], step| -> Vec<f32> {
            samples.iter().flat_map(|&s| (0..2).map(move |u| value(s, step, u))).collect()
        };
        for step in [1, 2] {
            array.step(step, 2, &at(&[0, 1], step)).unwrap();
        }
        array.next_batch().unwrap();
        for step in 0..3 {
            array.step(step, 1, &at(&[2], step)).unwrap();
        }
        array.next_batch().unwrap();
        let n = f32::NAN;
        let same = |found: Vec<f32>, expected: &[f32]| {
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(expected), "{found:?}");
        };
        let c = folder.path().join("r.zarr/v1/c");
        same(read(&c.join("0/0/0")), &[n, n, 10., 11., n, n, 110., 111.]);
        same(read(&c.join("0/1/0")), &[20., 21., n, n, 120., 121., n, n]);
        same(read(&c.join("1/0/0")), &[200., 201., 210., 211., n, n, n, n]);
        same(read(&c.join("1/1/0")), &[220., 221., n, n, n, n, n, n]);
        let text = std::fs::read_to_string(folder.path().join("r.zarr/v1/zarr.json")).unwrap();
        let description: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(description["shape"], json!([3, 3, 2]));
        assert_eq!(description["dimension_names"], json!(["sample", "time", "channel"]));
        assert!(array.step(0, 3, &[0.; 6]).is_err());
    }
}
