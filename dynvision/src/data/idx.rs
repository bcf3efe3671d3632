//! The IDX format of MNIST and its relatives, plain or in gzip: unsigned bytes with their dimensions.
//!
//! A file is two zero bytes, the type of the elements (`0x08`: unsigned byte), the number of dimensions, the dimensions
//! as 32-bit big-endian numbers, and the elements, last dimension fastest
//! ([MNIST](http://yann.lecun.com/exdb/mnist/)).

use super::file::{self, Content};
use super::{DataError, Images, Split};
use crate::geometry::Map;
use std::path::{Path, PathBuf};

const KIND: &str = "IDX file of unsigned bytes";
const UNSIGNED_BYTE: u8 = 0x08;

/// The content of one IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

impl Idx {
    /// Elements with their dimensions.
    ///
    /// # Errors
    /// No or more than 255 dimensions, a dimension that needs more than 32 bits, or a product that is not the number of
    /// elements.
    pub fn new(dims: Vec<usize>, bytes: Vec<u8>) -> Result<Self, DataError> {
        let fits = !dims.is_empty() && dims.len() <= 255 && dims.iter().all(|&dim| u32::try_from(dim).is_ok());
        match product(&dims) {
            Some(count) if fits && count == bytes.len() => Ok(Idx { dims, bytes }),
            _ => Err(DataError::Setting {
                setting: "dims",
                expected: format!("dimensions whose product is the number of elements, {}", bytes.len()),
                found: format!("{dims:?}"),
            }),
        }
    }

    /// The dimensions, slowest first.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The elements.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a file, plain or in gzip.
    ///
    /// # Errors
    /// A file that cannot be read, is none of this format, or is shorter or longer than its header says.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        Idx::decode(&path.display().to_string(), &file::read(path)?)
    }

    /// Decodes a file's bytes, plain or in gzip; `file` names it in errors. Memory is bounded by the header, and the
    /// header by the number of bytes.
    ///
    /// ```
    /// use dynvision::data::idx::Idx;
    /// let labels = Idx::new(vec![3], vec![7, 2, 1])?;
    /// assert_eq!(labels.encode(), [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]);
    /// assert_eq!(Idx::decode("labels", &labels.encode())?, labels);
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Idx::read`].
    pub fn decode(file: &str, raw: &[u8]) -> Result<Self, DataError> {
        let mut content = Content::new(file, raw);
        let magic = content.up_to(4)?;
        let rank = match magic[..] {
            [0, 0, UNSIGNED_BYTE, rank] if rank > 0 => usize::from(rank),
            _ => return Err(foreign(file, &magic)),
        };
        let header = content.up_to(4 * rank)?;
        let dims: Vec<usize> =
            header.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
        if dims.len() < rank {
            let (expected, found) = ((4 + 4 * rank).to_string(), (4 + header.len()).to_string());
            return Err(DataError::Size { file: file.to_string(), expected, of: "of header", found });
        }
        // A product beyond every file is refused like one beyond this file.
        let count = product(&dims).unwrap_or(usize::MAX);
        Ok(Idx { dims, bytes: content.rest(count, "of elements, by its header,")? })
    }

    /// The bytes of a plain file.
    pub fn encode(&self) -> Vec<u8> {
        // `new` and `decode` hold the number of dimensions and each of them within these types.
        let mut raw = vec![0, 0, UNSIGNED_BYTE, self.dims.len() as u8];
        raw.extend(self.dims.iter().flat_map(|&dim| (dim as u32).to_be_bytes()));
        raw.extend_from_slice(&self.bytes);
        raw
    }
}

fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))
}

fn foreign(file: &str, magic: &[u8]) -> DataError {
    DataError::Foreign {
        file: file.to_string(),
        expected: KIND,
        found: format!("begins with {magic:02x?}"),
        mend: "such a file begins with [00, 00, 08] and the number of dimensions",
    }
}

/// Images of `(count, rows, columns)` or `(count, channels, rows, columns)` with their labels.
///
/// # Errors
/// Files that cannot be read, other dimensions, or labels that do not fit the images or the classes.
pub fn read_images(
    images: impl AsRef<Path>,
    labels: impl AsRef<Path>,
    classes: Vec<String>,
) -> Result<Images, DataError> {
    let (images, labels) = (images.as_ref(), labels.as_ref());
    let name = |path: &Path| path.display().to_string();
    assemble((&name(images), Idx::read(images)?), (&name(labels), Idx::read(labels)?), classes)
}

/// One part of MNIST, or of a data set with its file names, from the folder that holds its four files.
///
/// # Errors
/// As [`read_images`].
pub fn read_mnist(folder: impl AsRef<Path>, split: Split) -> Result<Images, DataError> {
    let stem = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let path = |what: &str| -> PathBuf {
        let plain = folder.as_ref().join(format!("{stem}-{what}-ubyte"));
        let compressed = plain.with_extension("gz");
        if !plain.exists() && compressed.exists() { compressed } else { plain }
    };
    read_images(path("images-idx3"), path("labels-idx1"), (0..10).map(|digit| digit.to_string()).collect())
}

/// Puts decoded images and labels together, each with the name of its file.
pub(super) fn assemble(
    (images_file, images): (&str, Idx),
    (labels_file, labels): (&str, Idx),
    classes: Vec<String>,
) -> Result<Images, DataError> {
    let shape = match images.dims[..] {
        [_, h, w] => Map::new(1, h, w),
        [_, c, h, w] => Map::new(c, h, w),
        _ => return Err(wrong_rank(images_file, "IDX file of images", &images)),
    };
    if labels.dims.len() != 1 {
        return Err(wrong_rank(labels_file, "IDX file of labels", &labels));
    }
    if images.dims[0] != labels.dims[0] {
        let (images, labels) = (images.dims[0], labels.dims[0]);
        return Err(DataError::LabelCount { file: images_file.to_string(), images, labels });
    }
    Images::new(labels_file, images.bytes, shape, labels.bytes.into_iter().map(u16::from).collect(), classes)
}

fn wrong_rank(file: &str, expected: &'static str, idx: &Idx) -> DataError {
    DataError::Foreign {
        file: file.to_string(),
        expected,
        found: format!("has the dimensions {:?}", idx.dims),
        mend: "images are (count, rows, columns) or (count, channels, rows, columns), labels are (count); are the two \
               files in each other's place?",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(raw: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    }

    fn small() -> Idx {
        Idx::new(vec![3, 2, 2], (0..12).collect()).unwrap()
    }

    fn classes(count: usize) -> Vec<String> {
        (0..count).map(|c| c.to_string()).collect()
    }

    /// The example of the format's description: magic 2051, then big-endian dimensions.
    #[test]
    fn reads_the_bytes_that_the_format_describes() {
        let raw = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[1, 2, 3, 4, 5, 6]].concat();
        assert_eq!(u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]), 2051);
        let idx = Idx::decode("f", &raw).unwrap();
        assert_eq!((idx.dims(), idx.bytes()), (&[1, 2, 3][..], &[1, 2, 3, 4, 5, 6][..]));
    }

    #[test]
    fn truncation_at_every_offset_is_an_error() {
        for raw in [small().encode(), gzip(&small().encode())] {
            for cut in 0..raw.len() {
                let error = Idx::decode("cut.idx", &raw[..cut]).unwrap_err().to_string();
                assert!(error.contains("cut.idx"), "{error}");
            }
            assert_eq!(Idx::decode("whole", &raw).unwrap(), small());
        }
    }

    #[test]
    fn trailing_bytes_are_an_error() {
        let longer = [small().encode(), vec![0]].concat();
        for raw in [longer.clone(), gzip(&longer), [gzip(&small().encode()), vec![7]].concat()] {
            assert!(Idx::decode("f", &raw).is_err());
        }
    }

    #[test]
    fn a_header_beyond_the_file_is_refused_before_memory_is_taken() {
        let header =
            |dim: u32| [&[0, 0, 8, 3][..], &dim.to_be_bytes(), &dim.to_be_bytes(), &dim.to_be_bytes()].concat();
        for raw in [header(u32::MAX), header(1 << 20), gzip(&header(1 << 13))] {
            let error = Idx::decode("bomb.gz", &raw).unwrap_err().to_string();
            assert!(error.contains("bomb.gz") && error.contains("at most"), "{error}");
        }
    }

    #[test]
    fn a_bomb_is_read_no_further_than_its_header_says() {
        let raw = gzip(&[&[0, 0, 8, 1, 0, 0, 0, 4][..], &vec![0; 16 << 20]].concat());
        let error = Idx::decode("bomb.gz", &raw).unwrap_err().to_string();
        assert!(error.contains("should hold 4 bytes") && error.contains("holds more"), "{error}");
    }

    #[test]
    fn foreign_files_are_named() {
        for raw in [&b"\x89PNG\r\n\x1a\n"[..], b"", b"\0\0\x0d\x01\0\0\0\0", b"\0\0\x08\0"] {
            let error = Idx::decode("photo.png", raw).unwrap_err();
            assert!(matches!(error, DataError::Foreign { .. }), "{error}");
            assert!(error.to_string().contains("photo.png"));
        }
    }

    #[test]
    fn labels_must_fit_images_and_classes() {
        let images = || ("images", small());
        let labels = |bytes: Vec<u8>| ("labels", Idx::new(vec![bytes.len()], bytes).unwrap());
        let built = assemble(images(), labels(vec![0, 1, 1]), classes(2)).unwrap();
        assert_eq!((built.len(), built.shape()), (3, Map::new(1, 2, 2)));
        let error = assemble(images(), labels(vec![0, 1]), classes(2)).unwrap_err();
        assert!(matches!(error, DataError::LabelCount { images: 3, labels: 2, .. }), "{error}");
        let error = assemble(images(), labels(vec![0, 1, 2]), classes(2)).unwrap_err();
        assert!(matches!(error, DataError::LabelRange { index: 2, label: 2, classes: 2, .. }), "{error}");
        let error = assemble(labels(vec![0]), images(), classes(2)).unwrap_err();
        assert!(error.to_string().contains("each other's place"), "{error}");
    }

    #[test]
    fn files_are_found_under_their_usual_names_plain_or_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let labels = Idx::new(vec![3], vec![9, 0, 4]).unwrap();
        std::fs::write(folder.path().join("train-images-idx3-ubyte"), small().encode()).unwrap();
        std::fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), gzip(&labels.encode())).unwrap();
        let images = read_mnist(folder.path(), Split::Train).unwrap();
        assert_eq!(images.labels(), [9, 0, 4]);
        let error = read_mnist(folder.path(), Split::Test).unwrap_err().to_string();
        assert!(error.contains("t10k-images-idx3-ubyte"), "{error}");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Idx::decode("random", &raw);
            let _ = Idx::decode("random", &[&[0, 0, 8][..], &raw].concat());
            let _ = Idx::decode("random", &[&[0x1f, 0x8b, 8, 0][..], &raw].concat());
            let _ = Idx::decode("random", &gzip(&raw));
        }

        #[test]
        fn what_is_written_is_read(dims in prop::collection::vec(0usize..6, 1..5), seed in any::<u8>()) {
            let bytes = (0..dims.iter().product::<usize>()).map(|i| (i as u8).wrapping_mul(seed)).collect();
            let idx = Idx::new(dims, bytes).unwrap();
            prop_assert_eq!(&Idx::decode("plain", &idx.encode()).unwrap(), &idx);
            prop_assert_eq!(&Idx::decode("gzip", &gzip(&idx.encode())).unwrap(), &idx);
        }
    }
}
