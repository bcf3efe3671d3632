//! A preprocessed data set in one file, larger than memory if need be: samples of one shape, read where they lie.
//!
//! The file is the values of all samples (bytes, or little-endian 32-bit floats), a description as JSON (shape, labels, classes,
//! transforms, checksum of the values), and 24 bytes: the description's length, its checksum, and `DVCACHE1`. It is written
//! under another name and renamed when it is whole. Reading a sample is one read at its place; no part of the file is kept.

use super::{DataError, Dataset, Draw, Sample, Transforms, Values};
use crate::geometry::Map;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MARK: &[u8; 8] = b"DVCACHE1";
const TAIL: u64 = 24;
const KIND: &str = "cached data set";

/// How the values of a cache are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Bytes,
    Floats,
}

/// What a cache says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    source: String,
    kind: Stored,
    frames: usize,
    shape: [usize; 3],
    transforms: Transforms,
    classes: Vec<String>,
    labels: Vec<u16>,
    /// CRC-32 of all values.
    checksum: u32,
}

impl Description {
    /// Bytes of one sample.
    fn stride(&self) -> Option<usize> {
        let width = match self.kind {
            Stored::Bytes => 1,
            Stored::Floats => 4,
        };
        self.shape.iter().try_fold(self.frames.checked_mul(width)?, |product, &side| product.checked_mul(side))
    }
}

/// A data set in a file that [`Cache::build`] wrote.
#[derive(Debug)]
pub struct Cache {
    name: String,
    file: File,
    description: Description,
    stride: usize,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> DataError + '_ {
    move |source| DataError::Io { file: path.display().to_string(), source }
}

impl Cache {
    /// Writes every sample of a set, transformed, to a file, and opens it. An older file is replaced when the new one is whole.
    ///
    /// ```
    /// use dynvision::data::{Cache, Dataset, Transforms, digits};
    /// let folder = tempfile::tempdir().expect("a folder for the example");
    /// let cache = Cache::build(&digits::test()?, &Transforms::none(), folder.path().join("digits.cache"))?;
    /// assert_eq!(cache.sample(7)?, digits::test()?.sample(7)?);
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// A set without samples; samples of several shapes, lengths or kinds after the transforms, with the first that differs; random
    /// transforms; a file that cannot be written.
    pub fn build(set: &dyn Dataset, transforms: &Transforms, path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed(path))?;
        let mut writer = BufWriter::new(temporary);
        let mut made: Option<(Stored, usize, Map)> = None;
        let mut checksum = Crc::new();
        for index in 0..set.len() {
            let sample = transforms.apply(set.sample(index)?, Draw::none())?;
            let kind = match sample.values() {
                Values::Bytes(_) => Stored::Bytes,
                Values::Floats(_) => Stored::Floats,
            };
            let found = (kind, sample.frames(), sample.shape());
            let expected = *made.get_or_insert(found);
            let file = || set.source(index);
            if found.2 != expected.2 {
                return Err(DataError::MixedShapes { file: file(), index, found: found.2, expected: expected.2 });
            }
            if found.1 != expected.1 {
                return Err(DataError::MixedFrames { file: file(), index, found: found.1, expected: expected.1 });
            }
            if found.0 != expected.0 {
                return Err(DataError::NotBytes { file: file(), index });
            }
            let bytes = match sample.into_values() {
                Values::Bytes(bytes) => bytes,
                Values::Floats(floats) => floats.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            checksum.update(&bytes);
            writer.write_all(&bytes).map_err(failed(path))?;
        }
        let (kind, frames, shape) = made.ok_or_else(|| DataError::Empty { file: set.name().to_string() })?;
        let description = Description {
            source: set.name().to_string(),
            kind,
            frames,
            shape: [shape.c, shape.h, shape.w],
            transforms: transforms.clone(),
            classes: set.classes().to_vec(),
            labels: set.labels().to_vec(),
            checksum: checksum.sum(),
        };
        let json = serde_json::to_vec(&description).map_err(|error| failed(path)(error.into()))?;
        let mut own = Crc::new();
        own.update(&json);
        writer.write_all(&json).map_err(failed(path))?;
        for number in [json.len() as u64, u64::from(own.sum())] {
            writer.write_all(&number.to_le_bytes()).map_err(failed(path))?;
        }
        writer.write_all(MARK).map_err(failed(path))?;
        let temporary = writer.into_inner().map_err(|error| failed(path)(error.into_error()))?;
        temporary.as_file().sync_all().map_err(failed(path))?;
        temporary.persist(path).map_err(|error| failed(path)(error.error))?;
        Cache::open(path)
    }

    /// Opens a file that [`build`](Self::build) wrote. Its values are not read; see [`verify`](Self::verify).
    ///
    /// # Errors
    /// A file of another kind, one whose description is damaged, or one that is shorter or longer than it says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let foreign = |found: &str| DataError::Foreign {
            file: name.clone(),
            expected: KIND,
            found: found.to_string(),
            mend: "build it again by `Cache::build`",
        };
        let mut file = File::open(path).map_err(failed(path))?;
        let size = file.metadata().map_err(failed(path))?.len();
        let start = size.checked_sub(TAIL).ok_or_else(|| foreign("is too short"))?;
        let mut tail = [0; TAIL as usize];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut tail)).map_err(failed(path))?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| tail[at + i]));
        let (length, checksum) = (number(0), number(8));
        if &tail[16..] != MARK {
            return Err(foreign("does not end as one"));
        }
        // no more than the file holds is read
        let values = start.checked_sub(length).ok_or_else(|| foreign("names a description longer than itself"))?;
        let mut json = Vec::new();
        file.seek(SeekFrom::Start(values)).map_err(failed(path))?;
        (&mut file).take(length).read_to_end(&mut json).map_err(failed(path))?;
        let mut own = Crc::new();
        own.update(&json);
        if u64::from(own.sum()) != checksum {
            return Err(foreign("has a damaged description"));
        }
        let description: Description =
            serde_json::from_slice(&json).map_err(|error| foreign(&format!("describes itself wrongly ({error})")))?;
        let stride =
            description.stride().filter(|&stride| stride > 0).ok_or_else(|| foreign("names an impossible shape"))?;
        if let Some(index) =
            description.labels.iter().position(|&label| usize::from(label) >= description.classes.len())
        {
            let (label, classes) = (usize::from(description.labels[index]), description.classes.len());
            return Err(DataError::LabelRange { file: name, index, label, classes });
        }
        let expected = description.labels.len() as u128 * stride as u128;
        if expected != u128::from(values) {
            let (expected, found) = (expected.to_string(), values.to_string());
            return Err(DataError::Size { file: name, expected, of: "of values", found });
        }
        Ok(Cache { name, file, description, stride })
    }

    /// The transforms that made the samples.
    pub fn transforms(&self) -> &Transforms {
        &self.description.transforms
    }

    /// Where the samples come from.
    pub fn source(&self) -> &str {
        &self.description.source
    }

    /// Reads all values once, and compares their checksum.
    ///
    /// # Errors
    /// Values that have changed since they were written.
    pub fn verify(&self) -> Result<(), DataError> {
        let mut checksum = Crc::new();
        for index in 0..self.description.labels.len() {
            checksum.update(&self.bytes(index)?);
        }
        if checksum.sum() == self.description.checksum {
            return Ok(());
        }
        Err(DataError::Foreign {
            file: self.name.clone(),
            expected: "undamaged cached data set",
            found: format!("has the checksum {:08x} and names {:08x}", checksum.sum(), self.description.checksum),
            mend: "build it again by `Cache::build`",
        })
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; self.stride];
        let at = index as u64 * self.stride as u64;
        read_at(&self.file, &mut bytes, at).map_err(failed(&PathBuf::from(&self.name)))?;
        Ok(bytes)
    }
}

/// Reads at a place, without a position that threads would share.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Reads at a place: each call of the system names its own.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

impl Dataset for Cache {
    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&self) -> &[u16] {
        &self.description.labels
    }

    fn classes(&self) -> &[String] {
        &self.description.classes
    }

    fn shape(&self) -> Option<Map> {
        let [c, h, w] = self.description.shape;
        Some(Map::new(c, h, w))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let len = self.description.labels.len();
        if index >= len {
            return Err(DataError::Index { index, len });
        }
        let bytes = self.bytes(index)?;
        let values = match self.description.kind {
            Stored::Bytes => Values::Bytes(bytes),
            Stored::Floats => {
                Values::Floats(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
        };
        let [c, h, w] = self.description.shape;
        Sample::new(&self.name, values, self.description.frames, Map::new(c, h, w))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Arrays, Transform, digits};

    #[test]
    fn a_cache_gives_what_its_transforms_made() {
        let folder = tempfile::tempdir().unwrap();
        let (path, set) = (folder.path().join("digits.cache"), digits::test().unwrap());
        let list = Transforms::new(vec![Transform::CenterCrop { height: 4, width: 6 }, Transform::Colour]).unwrap();
        let cache = Cache::build(&set, &list, &path).unwrap();
        assert_eq!((cache.transforms(), cache.labels(), cache.classes()), (&list, set.labels(), set.classes()));
        assert_eq!(cache.shape(), Some(Map::new(3, 4, 6)));
        for index in [0, 9, 359] {
            let expected = list.apply(set.sample(index).unwrap(), Draw::none()).unwrap();
            assert_eq!(cache.sample(index).unwrap(), expected);
        }
        assert!(cache.sample(360).is_err());
        cache.verify().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn films_of_floats_keep_every_bit() {
        let folder = tempfile::tempdir().unwrap();
        let values: Vec<f32> = (0..48).map(|i| (i as f32).sin()).collect();
        let films = Arrays::new(
            "films",
            Values::Floats(values),
            3,
            Map::new(2, 2, 2),
            vec![0, 1],
            vec!["a".into(), "b".into()],
        )
        .unwrap();
        let cache = Cache::build(&films, &Transforms::none(), folder.path().join("films")).unwrap();
        assert_eq!(cache.sample(1).unwrap(), films.sample(1).unwrap());
        assert_eq!(cache.sample(1).unwrap().frames(), 3);
    }

    #[test]
    fn every_truncation_and_changed_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (path, set) = (folder.path().join("c"), digits::test().unwrap().subset(&[0, 1, 2]).unwrap());
        Cache::build(&set, &Transforms::none(), &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(Cache::open(&path).is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(Cache::open(&path).and_then(|cache| cache.verify()).is_err(), "{at}");
        }
    }
}
