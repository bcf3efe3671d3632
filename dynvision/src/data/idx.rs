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
/// 32-bit big-endian integers: QMNIST's labels.
const INTEGER: u8 = 0x0c;

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
        let (kind, dims, bytes) = elements(file, raw)?;
        if kind != UNSIGNED_BYTE {
            return Err(foreign(file, &[0, 0, kind, dims.len() as u8]));
        }
        Ok(Idx { dims, bytes })
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

/// The kind, dimensions and bytes of a file of unsigned bytes or integers.
fn elements(file: &str, raw: &[u8]) -> Result<(u8, Vec<usize>, Vec<u8>), DataError> {
    let mut content = Content::new(file, raw);
    let magic = content.up_to(4)?;
    let (kind, rank) = match magic[..] {
        [0, 0, kind @ (UNSIGNED_BYTE | INTEGER), rank] if rank > 0 => (kind, usize::from(rank)),
        _ => return Err(foreign(file, &magic)),
    };
    let header = content.up_to(4 * rank)?;
    let dims = |number: fn([u8; 4]) -> u32| -> Vec<usize> {
        header.chunks_exact(4).map(|b| number([b[0], b[1], b[2], b[3]]) as usize).collect()
    };
    let (size, little) = (if kind == INTEGER { 4 } else { 1 }, dims(u32::from_le_bytes));
    let dims = dims(u32::from_be_bytes);
    if dims.len() < rank {
        let (expected, found) = ((4 + 4 * rank).to_string(), (4 + header.len()).to_string());
        return Err(DataError::Size { file: file.to_string(), expected, of: "of header", found });
    }
    let bytes = |dims: &[usize]| product(dims).and_then(|count| count.checked_mul(size));
    let greatest = content.greatest();
    match bytes(&dims) {
        Some(count) if count <= greatest => Ok((kind, dims, content.rest(count, "of elements, by its header,")?)),
        _ => {
            let swapped = bytes(&little).is_some_and(|count| count <= greatest);
            Err(DataError::Foreign {
                file: file.to_string(),
                expected: KIND,
                found: format!("holds at most {greatest} bytes, and its header names the dimensions {dims:?}"),
                mend: if swapped {
                    "the header is little-endian, which is no IDX header: write the dimensions big-endian"
                } else {
                    "it is damaged, incomplete or of another kind: fetch it again"
                },
            })
        }
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

/// One part of MNIST, or of a data set with its file names (Fashion-MNIST, KMNIST), from the folder that holds its four files, or
/// from the root of torchvision's (`ROOT/MNIST/raw`, `ROOT/FashionMNIST/raw`, `ROOT/KMNIST/raw`, if it is the only one).
/// Files may be in gzip, and have a point for the first hyphen of their ending (`train-images.idx3-ubyte`).
///
/// # Errors
/// As [`read_images`].
pub fn read_mnist(folder: impl AsRef<Path>, split: Split) -> Result<Images, DataError> {
    let stem = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let folder = locate(folder.as_ref(), &["MNIST", "FashionMNIST", "KMNIST"], &format!("{stem}-images-idx3-ubyte"))?;
    let path = |what: &str| find(&folder, &format!("{stem}-{what}-ubyte"));
    read_images(path("images-idx3"), path("labels-idx1"), (0..10).map(|digit| digit.to_string()).collect())
}

/// One part of QMNIST, whose labels are rows of eight integers, the first of which is the digit
/// ([Yadav and Bottou 2019](https://arxiv.org/abs/1905.10498)).
///
/// # Errors
/// As [`read_images`].
pub fn read_qmnist(folder: impl AsRef<Path>, split: Split) -> Result<Images, DataError> {
    let stem = match split {
        Split::Train => "qmnist-train",
        Split::Test => "qmnist-test",
    };
    let folder = locate(folder.as_ref(), &["QMNIST"], &format!("{stem}-images-idx3-ubyte"))?;
    let (images, labels) =
        (find(&folder, &format!("{stem}-images-idx3-ubyte")), find(&folder, &format!("{stem}-labels-idx2-int")));
    let (images_file, labels_file) = (images.display().to_string(), labels.display().to_string());
    let (kind, dims, bytes) = elements(&labels_file, &file::read(&labels)?)?;
    let columns = match dims[..] {
        [_, columns] if kind == INTEGER && columns > 0 => columns,
        _ => return Err(wrong_rank(&labels_file, "IDX file of QMNIST's labels", &Idx { dims, bytes })),
    };
    let digits = bytes.chunks_exact(4 * columns).enumerate().map(|(index, row)| {
        let label = u32::from_be_bytes([row[0], row[1], row[2], row[3]]) as usize;
        let range = |_| DataError::LabelRange { file: labels_file.clone(), index, label, classes: 10 };
        u8::try_from(label).map_err(range)
    });
    let digits = digits.collect::<Result<Vec<u8>, DataError>>()?;
    let labels = Idx { dims: vec![digits.len()], bytes: digits };
    assemble((&images_file, Idx::read(&images)?), (&labels_file, labels), (0..10).map(|d| d.to_string()).collect())
}

/// One part of a variant of EMNIST (`balanced`, `byclass`, `bymerge`, `letters`, `digits`, `mnist`), upright, although its files hold
/// rows for columns, and letters numbered from 0, although its files number them from 1
/// ([Cohen et al. 2017](https://arxiv.org/abs/1702.05373)).
///
/// # Errors
/// As [`read_images`]; a variant that there is not.
pub fn read_emnist(folder: impl AsRef<Path>, variant: &str, split: Split) -> Result<Images, DataError> {
    let upper = ('0'..='9').chain('A'..='Z').map(String::from);
    let classes: Vec<String> = match variant {
        "digits" | "mnist" => upper.take(10).collect(),
        "letters" => ('a'..='z').map(String::from).collect(),
        "byclass" => upper.chain(('a'..='z').map(String::from)).collect(),
        "balanced" | "bymerge" => upper.chain("abdefghnqrt".chars().map(String::from)).collect(),
        _ => {
            return Err(DataError::Setting {
                setting: "variant of EMNIST",
                expected: "balanced, byclass, bymerge, letters, digits or mnist".to_string(),
                found: variant.to_string(),
            });
        }
    };
    let part = match split {
        Split::Train => "train",
        Split::Test => "test",
    };
    let stem = format!("emnist-{variant}-{part}");
    let folder = locate(folder.as_ref(), &["EMNIST"], &format!("{stem}-images-idx3-ubyte"))?;
    let (images, labels) =
        (find(&folder, &format!("{stem}-images-idx3-ubyte")), find(&folder, &format!("{stem}-labels-idx1-ubyte")));
    let (images_file, labels_file) = (images.display().to_string(), labels.display().to_string());
    let (mut pixels, mut labels) = (Idx::read(&images)?, Idx::read(&labels)?);
    if let [_, h, w] = pixels.dims[..] {
        let upright = |image: &[u8]| -> Vec<u8> {
            (0..w).flat_map(|x| (0..h).map(move |y| y * w + x)).map(|i| image[i]).collect()
        };
        if h * w > 0 {
            pixels.bytes = pixels.bytes.chunks_exact(h * w).flat_map(upright).collect();
        }
        (pixels.dims[1], pixels.dims[2]) = (w, h);
    }
    if variant == "letters" {
        if let Some(index) = labels.bytes.iter().position(|&label| label == 0) {
            let found = format!("has label 0 at image {index}");
            let (expected, mend) =
                ("file of EMNIST's letters", "letters are numbered from 1: is it of another variant?");
            return Err(DataError::Foreign { file: labels_file, expected, found, mend });
        }
        labels.bytes.iter_mut().for_each(|label| *label -= 1);
    }
    assemble((&images_file, pixels), (&labels_file, labels), classes)
}

/// A file under the names that are usual: plain or in gzip, with a hyphen or a point before `idx`. The first where none is there.
fn find(folder: &Path, name: &str) -> PathBuf {
    let pointed = name.replace("-idx", ".idx");
    let candidates = [name.to_string(), pointed.clone(), format!("{name}.gz"), format!("{pointed}.gz")];
    let there = candidates.iter().map(|name| folder.join(name)).find(|path| path.exists());
    there.unwrap_or_else(|| folder.join(name))
}

/// The folder that holds a file: the given one, its `raw`, or `SET/raw` below it of the only set that is there.
fn locate(folder: &Path, sets: &[&str], name: &str) -> Result<PathBuf, DataError> {
    let holds = |folder: &PathBuf| find(folder, name).exists();
    let given = [folder.to_path_buf(), folder.join("raw")];
    if let Some(found) = given.into_iter().find(holds) {
        return Ok(found);
    }
    let below: Vec<PathBuf> = sets.iter().map(|set| folder.join(set).join("raw")).filter(holds).collect();
    match &below[..] {
        [] => Ok(folder.to_path_buf()),
        [only] => Ok(only.clone()),
        _ => Err(DataError::Setting {
            setting: "folder",
            expected: "the folder of one data set".to_string(),
            found: format!(
                "one that holds {}",
                below.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
            ),
        }),
    }
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

    #[test]
    fn torchvisions_root_and_names_with_a_point_are_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |set: &str| {
            let raw = root.path().join(set).join("raw");
            std::fs::create_dir_all(&raw).unwrap();
            std::fs::write(raw.join("train-images.idx3-ubyte"), small().encode()).unwrap();
            let labels = Idx::new(vec![3], vec![1, 2, 3]).unwrap();
            std::fs::write(raw.join("train-labels.idx1-ubyte.gz"), gzip(&labels.encode())).unwrap();
        };
        write("FashionMNIST");
        assert_eq!(read_mnist(root.path(), Split::Train).unwrap().labels(), [1, 2, 3]);
        assert_eq!(read_mnist(root.path().join("FashionMNIST"), Split::Train).unwrap().labels(), [1, 2, 3]);
        write("MNIST");
        let error = read_mnist(root.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("FashionMNIST") && error.contains(" and "), "{error}");
    }

    #[test]
    fn qmnist_has_the_digit_in_the_first_of_eight_columns() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("qmnist-train-images-idx3-ubyte"), small().encode()).unwrap();
        let mut labels = vec![0, 0, 0x0c, 2, 0, 0, 0, 3, 0, 0, 0, 8];
        for digit in [7u32, 0, 9] {
            labels.extend([digit, 1, 2, 3, 4, 5, 6, 7].iter().flat_map(|column| column.to_be_bytes()));
        }
        let path = folder.path().join("qmnist-train-labels-idx2-int");
        std::fs::write(&path, &labels).unwrap();
        assert_eq!(read_qmnist(folder.path(), Split::Train).unwrap().labels(), [7, 0, 9]);
        labels[12] = 1;
        std::fs::write(&path, &labels).unwrap();
        assert!(matches!(read_qmnist(folder.path(), Split::Train), Err(DataError::LabelRange { index: 0, .. })));
        assert!(Idx::decode("labels", &labels).is_err());
    }

    #[test]
    fn emnist_is_upright_and_its_letters_count_from_0() {
        let folder = tempfile::tempdir().unwrap();
        let write = |labels: Vec<u8>| {
            let labels = Idx::new(vec![3], labels).unwrap();
            std::fs::write(folder.path().join("emnist-letters-test-images-idx3-ubyte"), small().encode()).unwrap();
            std::fs::write(folder.path().join("emnist-letters-test-labels-idx1-ubyte"), labels.encode()).unwrap();
        };
        write(vec![1, 26, 2]);
        let letters = read_emnist(folder.path(), "letters", Split::Test).unwrap();
        assert_eq!((letters.labels(), letters.image(0).unwrap()), (&[0, 25, 1][..], &[0, 2, 1, 3][..]));
        write(vec![1, 0, 2]);
        assert!(read_emnist(folder.path(), "letters", Split::Test).is_err());
        assert!(read_emnist(folder.path(), "lettres", Split::Test).unwrap_err().to_string().contains("lettres"));
    }

    #[test]
    fn a_little_endian_header_is_no_idx_header() {
        let raw = [&[0, 0, 8, 3][..], &[3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0], &[0; 12]].concat();
        let error = Idx::decode("swapped", &raw).unwrap_err().to_string();
        assert!(error.contains("no IDX header") && error.contains("little-endian"), "{error}");
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
