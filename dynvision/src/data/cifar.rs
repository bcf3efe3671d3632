//! The binary format of CIFAR-10 and CIFAR-100: records of labels and 3x32x32 bytes
//! ([Krizhevsky 2009](https://www.cs.toronto.edu/~kriz/cifar.html)).
//!
//! A record of CIFAR-10 is one label and the pixels; one of CIFAR-100 is a coarse label, a fine label and the pixels.
//! The pixels are red, green, blue, each by rows.

use super::file;
use super::{DataError, Images, Split};
use crate::geometry::Map;
use crate::pickle::{Pickle, Value};
use std::path::Path;

const SHAPE: Map = Map::new(3, 32, 32);

/// Which labels of CIFAR-100 to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelMode {
    /// The 20 superclasses.
    Coarse,
    /// The 100 classes.
    Fine,
}

/// How a record begins: how many labels it has, how many classes each, and which of them is wanted.
struct Format {
    name: &'static str,
    /// Number of classes of each label byte, in their order.
    classes: &'static [&'static [&'static str]],
    wanted: usize,
}

impl Format {
    const CIFAR10: Format = Format { name: "CIFAR-10 binary file", classes: &[&CIFAR10_CLASSES], wanted: 0 };

    const fn cifar100(labels: LabelMode) -> Format {
        let wanted = match labels {
            LabelMode::Coarse => 0,
            LabelMode::Fine => 1,
        };
        Format { name: "CIFAR-100 binary file", classes: &[&CIFAR100_COARSE, &CIFAR100_FINE], wanted }
    }

    fn record(&self) -> usize {
        self.classes.len() + SHAPE.units()
    }
}

/// One part of CIFAR-10 from the folder of its binary version (`cifar-10-batches-bin`: `data_batch_1.bin` to `data_batch_5.bin`,
/// `test_batch.bin`), or from the folder that holds it.
///
/// # Errors
/// Files that cannot be read, or are none of this format.
pub fn read_cifar10(folder: impl AsRef<Path>, split: Split) -> Result<Images, DataError> {
    let names: &[&str] = match split {
        Split::Train => {
            &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"]
        }
        Split::Test => &["test_batch.bin"],
    };
    read(&Format::CIFAR10, &below(folder.as_ref(), "cifar-10-batches-bin"), names)
}

/// One part of CIFAR-100 from the folder of its binary version (`cifar-100-binary`: `train.bin`, `test.bin`), or from the folder that
/// holds it.
///
/// # Errors
/// Files that cannot be read, or are none of this format.
pub fn read_cifar100(folder: impl AsRef<Path>, split: Split, labels: LabelMode) -> Result<Images, DataError> {
    let name = match split {
        Split::Train => "train.bin",
        Split::Test => "test.bin",
    };
    read(&Format::cifar100(labels), &below(folder.as_ref(), "cifar-100-binary"), &[name])
}

/// One part of CIFAR-10 from the folder of its Python version (`cifar-10-batches-py`, which torchvision leaves), or from the folder
/// that holds it: every `data_batch_*`, or `test_batch`. The pickles are parsed and not executed.
///
/// # Errors
/// Files that cannot be read, or are none of this format.
pub fn read_cifar10_python(folder: impl AsRef<Path>, split: Split) -> Result<Images, DataError> {
    let folder = below(folder.as_ref(), "cifar-10-batches-py");
    let names = match split {
        Split::Test => vec!["test_batch".to_string()],
        Split::Train => {
            let there = |batch: &usize| *batch <= 5 || folder.join(format!("data_batch_{batch}")).exists();
            (1..).take_while(there).map(|batch| format!("data_batch_{batch}")).collect()
        }
    };
    read_python(&Format::CIFAR10, &folder, &names, "labels")
}

/// One part of CIFAR-100 from the folder of its Python version (`cifar-100-python`), or from the folder that holds it: `train` or
/// `test`. The pickles are parsed and not executed.
///
/// # Errors
/// Files that cannot be read, or are none of this format.
pub fn read_cifar100_python(folder: impl AsRef<Path>, split: Split, labels: LabelMode) -> Result<Images, DataError> {
    let folder = below(folder.as_ref(), "cifar-100-python");
    let name = match split {
        Split::Train => "train",
        Split::Test => "test",
    };
    let key = match labels {
        LabelMode::Coarse => "coarse_labels",
        LabelMode::Fine => "fine_labels",
    };
    read_python(&Format::cifar100(labels), &folder, &[name.to_string()], key)
}

fn below(folder: &Path, name: &str) -> std::path::PathBuf {
    let below = folder.join(name);
    if below.is_dir() { below } else { folder.to_path_buf() }
}

fn read_python(format: &Format, folder: &Path, names: &[String], key: &str) -> Result<Images, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = folder.join(name);
        let file = path.display().to_string();
        let raw = file::read(&path)?;
        python_batch(format, &file, &raw, key, &mut pixels, &mut labels)?;
    }
    assemble(format, &folder.display().to_string(), pixels, labels)
}

/// Appends the images and labels of one file of the Python version.
fn python_batch(
    format: &Format,
    file: &str,
    raw: &[u8],
    key: &str,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), DataError> {
    let foreign = |found: String| DataError::Foreign {
        file: file.to_string(),
        expected: "batch of CIFAR's Python version",
        found,
        mend: "name the folder of this data set, unpacked",
    };
    let (pickle, _) = Pickle::parse(raw).map_err(|what| foreign(format!("has {what}")))?;
    let lacks = |what: &str| foreign(format!("has no {what}"));
    let array = pickle.entry(pickle.top, "data").and_then(|data| pickle.byte_array(data));
    let array = array.filter(|(dims, _)| matches!(dims[..], [_, 3072]));
    let (dims, bytes) = array.ok_or_else(|| lacks("`data` of (images, 3072) bytes"))?;
    let list = pickle.entry(pickle.top, key).map(|id| pickle.get(id));
    let Some(Value::List(numbers)) = list else { return Err(lacks(&format!("list `{key}`"))) };
    if numbers.len() != dims[0] {
        return Err(DataError::LabelCount { file: file.to_string(), images: dims[0], labels: numbers.len() });
    }
    let classes = format.classes[format.wanted].len();
    for (index, &number) in numbers.iter().enumerate() {
        match pickle.get(number) {
            Value::Int(label) if (0..classes as i64).contains(label) => labels.push(*label as u16),
            Value::Int(label) => {
                let label = usize::try_from(*label).unwrap_or(usize::MAX);
                return Err(DataError::LabelRange { file: file.to_string(), index, label, classes });
            }
            _ => return Err(lacks(&format!("number as label {index} of `{key}`"))),
        }
    }
    pixels.extend_from_slice(bytes);
    Ok(())
}

/// Decodes the bytes of a file of CIFAR-10; `file` names it in errors.
///
/// ```
/// use dynvision::data::cifar;
/// let mut record = vec![6]; // a frog
/// record.extend([0; 3072]);
/// let images = cifar::decode_cifar10("frog.bin", &record)?;
/// assert_eq!(images.classes()[usize::from(images.labels()[0])], "frog");
/// # Ok::<(), dynvision::data::DataError>(())
/// ```
///
/// # Errors
/// Bytes that are no whole number of records, or a label that is none.
pub fn decode_cifar10(file: &str, raw: &[u8]) -> Result<Images, DataError> {
    decode(&Format::CIFAR10, file, raw)
}

/// Decodes the bytes of a file of CIFAR-100; `file` names it in errors.
///
/// # Errors
/// Bytes that are no whole number of records, or a label that is none.
pub fn decode_cifar100(file: &str, raw: &[u8], labels: LabelMode) -> Result<Images, DataError> {
    decode(&Format::cifar100(labels), file, raw)
}

fn read(format: &Format, folder: &Path, names: &[&str]) -> Result<Images, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = folder.join(name);
        records(format, &path.display().to_string(), &file::read(&path)?, &mut pixels, &mut labels)?;
    }
    assemble(format, &folder.display().to_string(), pixels, labels)
}

fn decode(format: &Format, file: &str, raw: &[u8]) -> Result<Images, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    records(format, file, raw, &mut pixels, &mut labels)?;
    assemble(format, file, pixels, labels)
}

fn assemble(format: &Format, file: &str, pixels: Vec<u8>, labels: Vec<u16>) -> Result<Images, DataError> {
    let classes = format.classes[format.wanted].iter().map(ToString::to_string).collect();
    Images::new(file, pixels, SHAPE, labels, classes)
}

/// Appends the records of one file.
fn records(
    format: &Format,
    file: &str,
    raw: &[u8],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), DataError> {
    // The format has no header that could bound the memory of unpacking.
    if file::is_gzip(raw) {
        return Err(foreign(format, file, "is a gzip archive".to_string(), "unpack the archive and name its folder"));
    }
    let record = format.record();
    if raw.is_empty() || !raw.len().is_multiple_of(record) {
        return Err(wrong_size(format, file, raw.len()));
    }
    for (index, record) in raw.chunks_exact(record).enumerate() {
        let (found, image) = record.split_at(format.classes.len());
        for (&label, classes) in found.iter().zip(format.classes) {
            if usize::from(label) >= classes.len() {
                let (label, classes) = (usize::from(label), classes.len());
                return Err(DataError::LabelRange { file: file.to_string(), index, label, classes });
            }
        }
        labels.push(u16::from(found[format.wanted]));
        pixels.extend_from_slice(image);
    }
    Ok(())
}

fn wrong_size(format: &Format, file: &str, len: usize) -> DataError {
    let others = [Format::CIFAR10, Format::cifar100(LabelMode::Fine)];
    match others.iter().find(|other| len > 0 && other.name != format.name && len.is_multiple_of(other.record())) {
        Some(other) => foreign(format, file, format!("has the size of a {}", other.name), "read it with that format"),
        None => DataError::Size {
            file: file.to_string(),
            expected: format!("a whole number of times {}", format.record()),
            of: "(one record each)",
            found: len.to_string(),
        },
    }
}

fn foreign(format: &Format, file: &str, found: String, mend: &'static str) -> DataError {
    DataError::Foreign { file: file.to_string(), expected: format.name, found, mend }
}

/// The classes of CIFAR-10, by label.
pub const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The superclasses of CIFAR-100, by coarse label.
pub const CIFAR100_COARSE: [&str; 20] = [
    "aquatic_mammals",
    "fish",
    "flowers",
    "food_containers",
    "fruit_and_vegetables",
    "household_electrical_devices",
    "household_furniture",
    "insects",
    "large_carnivores",
    "large_man-made_outdoor_things",
    "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores",
    "medium_mammals",
    "non-insect_invertebrates",
    "people",
    "reptiles",
    "small_mammals",
    "trees",
    "vehicles_1",
    "vehicles_2",
];

/// The classes of CIFAR-100, by fine label.
#[rustfmt::skip]
pub const CIFAR100_FINE: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Records with the given label bytes, whose pixels are the record's number.
    fn file(labels: &[&[u8]]) -> Vec<u8> {
        labels.iter().enumerate().flat_map(|(i, labels)| [labels, &[i as u8; 3072][..]].concat()).collect()
    }

    #[test]
    fn the_lists_of_classes_are_in_alphabetical_order_without_repetition() {
        for list in [&CIFAR10_CLASSES[..], &CIFAR100_COARSE, &CIFAR100_FINE] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn records_are_read() {
        let images = decode_cifar10("f", &file(&[&[3], &[9]])).unwrap();
        assert_eq!((images.labels(), images.shape()), (&[3, 9][..], Map::new(3, 32, 32)));
        assert_eq!(images.image(1).unwrap(), [1; 3072]);
        let raw = file(&[&[4, 99], &[19, 0]]);
        assert_eq!(decode_cifar100("f", &raw, LabelMode::Coarse).unwrap().labels(), [4, 19]);
        let fine = decode_cifar100("f", &raw, LabelMode::Fine).unwrap();
        assert_eq!((fine.labels(), fine.image(1).unwrap()), (&[99, 0][..], &[1; 3072][..]));
    }

    #[test]
    fn folders_are_read_in_the_order_of_their_batches() {
        let folder = tempfile::tempdir().unwrap();
        for batch in 1..=5u8 {
            std::fs::write(folder.path().join(format!("data_batch_{batch}.bin")), file(&[&[batch]])).unwrap();
        }
        assert_eq!(read_cifar10(folder.path(), Split::Train).unwrap().labels(), [1, 2, 3, 4, 5]);
        let error = read_cifar10(folder.path(), Split::Test).unwrap_err().to_string();
        assert!(error.contains("test_batch.bin"), "{error}");
        std::fs::write(folder.path().join("test.bin"), file(&[&[1, 2]])).unwrap();
        assert_eq!(read_cifar100(folder.path(), Split::Test, LabelMode::Fine).unwrap().labels(), [2]);
    }

    #[test]
    fn every_truncation_within_a_record_is_an_error() {
        let raw = file(&[&[1], &[2]]);
        for cut in (0..raw.len()).filter(|cut| *cut != 3073) {
            assert!(decode_cifar10("f", &raw[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn mistaken_files_are_named_with_the_mend() {
        let error = decode_cifar10("train.bin", &file(&[&[1, 2]])).unwrap_err().to_string();
        assert!(error.contains("train.bin") && error.contains("CIFAR-100"), "{error}");
        let error = decode_cifar100("f", &file(&[&[1]]), LabelMode::Fine).unwrap_err().to_string();
        assert!(error.contains("CIFAR-10 binary"), "{error}");
        let error = decode_cifar10("f", &file(&[&[0], &[10]])).unwrap_err();
        assert!(matches!(error, DataError::LabelRange { index: 1, label: 10, classes: 10, .. }), "{error}");
        // The label that is not asked for must be one as well.
        assert!(decode_cifar100("f", &file(&[&[20, 5]]), LabelMode::Fine).is_err());
        let error = decode_cifar10("cifar.tar.gz", &[0x1f, 0x8b, 8]).unwrap_err().to_string();
        assert!(error.contains("unpack"), "{error}");
    }

    /// What Python 2's `cPickle.dump({"data": array, "labels": [..]}, protocol=2)` writes, as the data set's files have it.
    fn batch(labels: &[u8]) -> Vec<u8> {
        let mut raw = b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01".to_vec();
        raw.extend([b'M', labels.len() as u8, 0, b'M', 0, 12, 0x86]);
        raw.extend(b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
        raw.extend((labels.len() as u32 * 3072).to_le_bytes());
        raw.extend(labels.iter().flat_map(|&label| [label + 100; 3072]));
        raw.extend(b"tbU\x06labelsq\x08]q\x09(");
        raw.extend(labels.iter().flat_map(|&label| [b'K', label]));
        raw.extend(b"eu.");
        raw
    }

    #[test]
    fn torchvisions_folder_is_read_without_executing_its_pickles() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cifar-10-batches-py");
        std::fs::create_dir(&folder).unwrap();
        for number in 1..=6u8 {
            std::fs::write(folder.join(format!("data_batch_{number}")), batch(&[number, 0])).unwrap();
        }
        let images = read_cifar10_python(root.path(), Split::Train).unwrap();
        assert_eq!(images.labels(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]);
        assert_eq!(images.image(2).unwrap(), [102; 3072]);
        let write = |raw: &[u8]| std::fs::write(folder.join("test_batch"), raw).unwrap();
        let read = || read_cifar10_python(&folder, Split::Test);
        write(&batch(&[10]));
        assert!(matches!(read(), Err(DataError::LabelRange { label: 10, .. })));
        for call in
            [&b"cos\nsystem\n(U\x04exitt\x81."[..], b"cos\nsystem\nU\x04exit\x85R.", b"(U\x04exitios\nsystem\n."]
        {
            write(call);
            assert!(read().unwrap_err().to_string().contains("no `data`"));
        }
        write(b"}\xff.");
        assert!(read().unwrap_err().to_string().contains("instruction 0xff that is not known at byte 2"));
        let whole = batch(&[1]);
        for cut in 0..whole.len() {
            write(&whole[..cut]);
            assert!(read().is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn random_pickles_never_panic(raw in prop::collection::vec(prop::sample::select(&b"\x80\x02(}])NKMJUTqhcRbeus.t\x85\x86\x87\n\0"[..]), 0..60)) {
            if let Ok((pickle, _)) = Pickle::parse(&raw) {
                let _ = (pickle.describe(pickle.top), pickle.byte_array(pickle.top));
            }
            let _ = python_batch(&Format::CIFAR10, "random", &raw, "labels", &mut Vec::new(), &mut Vec::new());
        }

        #[test]
        fn random_bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..100), repeat in 0usize..80) {
            let raw = raw.repeat(repeat);
            let _ = decode_cifar10("random", &raw);
            let _ = decode_cifar100("random", &raw, LabelMode::Coarse);
        }
    }
}
