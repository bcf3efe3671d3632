//! Image files in one folder for each class: PNG, JPEG, GIF (first frame), TIFF and BMP, of 8 or 16 bits.
//!
//! Files are decoded when they are asked for. Values of 16 bits are rounded to 8; transparency is dropped, as `convert("RGB")` of PIL
//! does; an orientation that a camera noted is not followed, as in torchvision.

use super::{DataError, Dataset, Sample, Split, Values, jpeg};
use crate::geometry::Map;
use image::ImageDecoder;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Endings of files that are read, in any case.
const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "gif", "tif", "tiff", "bmp", "dib"];

/// A file that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// A data set of image files, one folder for each class.
///
/// Classes are the folders in the order of their names, or of their numbers if all names are numbers (the original takes text
/// order, in which `10` comes before `2`). Files are in the order of their paths.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    name: String,
    files: Vec<PathBuf>,
    labels: Vec<u16>,
    classes: Vec<String>,
    ignored: Vec<PathBuf>,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DataError + '_ {
    move |source| DataError::Io { file: path.display().to_string(), source }
}

/// What a folder holds, in the order of the names. Names that begin with a dot are passed over.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Sorts all files below a folder into images and others.
fn walk(folder: &Path, depth: usize, images: &mut Vec<PathBuf>, others: &mut Vec<PathBuf>) -> Result<(), DataError> {
    // links may form a circle
    if depth > 16 {
        return Err(io(folder)(std::io::Error::other("folders within folders more than 16 deep")));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            walk(&path, depth + 1, images, others)?;
        } else {
            let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            let is_image = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
            if is_image { images.push(path) } else { others.push(path) }
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The folders of a folder, by name or by number.
fn class_folders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut folders: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| path.is_dir()).collect();
    if let Some(numbers) = folders.iter().map(|path| file_name(path).parse::<u64>().ok()).collect::<Option<Vec<_>>>() {
        let mut numbered: Vec<_> = numbers.into_iter().zip(folders).collect();
        numbered.sort_unstable();
        folders = numbered.into_iter().map(|(_, path)| path).collect();
    }
    Ok(folders)
}

impl ImageFolder {
    /// The images of `FOLDER/CLASS/`, at any depth.
    ///
    /// # Errors
    /// Fewer than two classes, a class without images, a folder that cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DataError> {
        let folder = folder.as_ref();
        let folders = class_folders(folder)?;
        if folders.len() < 2 {
            return Err(DataError::FewClasses {
                file: folder.display().to_string(),
                found: folders.iter().map(|path| file_name(path)).collect(),
            });
        }
        let mut set = ImageFolder {
            name: folder.display().to_string(),
            files: Vec::new(),
            labels: Vec::new(),
            classes: folders.iter().map(|path| file_name(path)).collect(),
            ignored: Vec::new(),
        };
        for (class, folder) in folders.iter().enumerate() {
            let before = set.files.len();
            walk(folder, 0, &mut set.files, &mut set.ignored)?;
            if set.files.len() == before {
                return Err(DataError::Empty { file: folder.display().to_string() });
            }
            let label = u16::try_from(class).map_err(|_| DataError::Setting {
                setting: "number of classes",
                expected: format!("at most {}", u16::MAX),
                found: folders.len().to_string(),
            })?;
            set.labels.resize(set.files.len(), label);
        }
        Ok(set)
    }

    /// The images of `ROOT/train/CLASS/`, or of `ROOT/test/CLASS/` or `ROOT/val/CLASS/`, as ImageNette and TinyImageNet are unpacked.
    /// The validation images of TinyImageNet, which lie in one folder beside a list, are found by that list.
    ///
    /// # Errors
    /// As [`open`](Self::open); a split that is not there; a list that names another class than there is.
    pub fn open_split(root: impl AsRef<Path>, split: Split) -> Result<Self, DataError> {
        let root = root.as_ref();
        let list = root.join("val").join("val_annotations.txt");
        match split {
            Split::Train => ImageFolder::open(root.join("train")),
            Split::Test if list.exists() => ImageFolder::listed(root, &list),
            Split::Test if root.join("test").is_dir() => ImageFolder::open(root.join("test")),
            Split::Test => ImageFolder::open(root.join("val")),
        }
    }

    /// TinyImageNet's validation images: each line of the list is a file's name, its class and a box.
    fn listed(root: &Path, list: &Path) -> Result<Self, DataError> {
        let classes: Vec<String> = class_folders(&root.join("train"))?.iter().map(|path| file_name(path)).collect();
        let numbers: BTreeMap<&str, u16> = classes.iter().map(String::as_str).zip(0..).collect();
        let text = std::fs::read_to_string(list).map_err(io(list))?;
        let (mut files, mut labels) = (Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split('\t');
            let (file, class) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let label = numbers.get(class).ok_or_else(|| DataError::UnknownClass {
                file: list.display().to_string(),
                name: class.to_string(),
                classes: classes.clone(),
            })?;
            files.push(root.join("val").join("images").join(file));
            labels.push(*label);
        }
        if files.is_empty() {
            return Err(DataError::Empty { file: list.display().to_string() });
        }
        Ok(ImageFolder { name: root.join("val").display().to_string(), files, labels, classes, ignored: Vec::new() })
    }

    /// Returns whether a folder is divided by its authors, so that [`open_split`](Self::open_split) reads it: `train` beside `test` or
    /// `val`, or with folders of its own.
    ///
    /// ```
    /// use dynvision::data::ImageFolder;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let root = folder.path();
    /// std::fs::create_dir_all(root.join("train/cat")).unwrap();
    /// assert!(ImageFolder::is_divided(root));
    /// assert!(!ImageFolder::is_divided(root.join("train"))); // `train/cat` alone
    /// ```
    pub fn is_divided(root: impl AsRef<Path>) -> bool {
        let root = root.as_ref();
        let has_folders = |path: &Path| {
            std::fs::read_dir(path)
                .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())))
        };
        let train = root.join("train");
        train.is_dir() && (has_folders(&train) || root.join("test").is_dir() || root.join("val").is_dir())
    }

    /// The image files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Files beside the images that are not of a known format.
    pub fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    /// Decodes every file once, and leaves those out that cannot be decoded, which it names.
    ///
    /// # Errors
    /// A class that loses all of its images.
    pub fn without_corrupt(self) -> Result<(Self, Vec<LeftOut>), DataError> {
        let reasons: Vec<Option<String>> =
            self.files.par_iter().map(|file| decode(file).err().map(|error| error.to_string())).collect();
        let ImageFolder { name, files, labels, classes, ignored } = self;
        let mut set = ImageFolder { name, files: Vec::new(), labels: Vec::new(), classes, ignored };
        let mut left_out = Vec::new();
        let mut before = vec![false; set.classes.len()];
        for ((file, label), reason) in files.into_iter().zip(labels).zip(reasons) {
            before[usize::from(label)] = true;
            match reason {
                Some(reason) => left_out.push(LeftOut { file, reason }),
                None => {
                    set.files.push(file);
                    set.labels.push(label);
                }
            }
        }
        let lost = |&class: &usize| before[class] && !set.labels.iter().any(|&label| usize::from(label) == class);
        match (0..set.classes.len()).find(lost) {
            Some(class) => Err(DataError::Empty { file: format!("{}, class {}", set.name, set.classes[class]) }),
            None => Ok((set, left_out)),
        }
    }
}

/// No format makes more bytes of one: DEFLATE and JPEG make about a thousand, the LZW of GIF and TIFF eight thousand.
const GREATEST_EXPANSION: u64 = 1 << 14;

/// The pixels of a file, as red, green and blue planes.
fn decode(file: &Path) -> Result<Sample, DataError> {
    let name = || file.display().to_string();
    let corrupt = |error: image::ImageError| match error {
        image::ImageError::IoError(source) if source.kind() == std::io::ErrorKind::NotFound => {
            DataError::Io { file: name(), source }
        }
        error => DataError::Corrupt { file: name(), message: error.to_string() },
    };
    let bytes = super::file::read(file)?;
    let size = bytes.len() as u64;
    if !jpeg::is_whole(&bytes) {
        return Err(DataError::Corrupt { file: name(), message: "it is cut off".to_string() });
    }
    let greatest = size.saturating_mul(GREATEST_EXPANSION);
    let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().map_err(io(file))?;
    // what a decoder needs beside the picture, such as a frame of a GIF that states a size of its own
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(greatest);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(corrupt)?;
    let (w, h) = decoder.dimensions();
    if decoder.total_bytes() > greatest {
        let message = format!("it states {w}x{h} pixels, which its {size} bytes cannot hold");
        return Err(DataError::Corrupt { file: name(), message });
    }
    let interleaved = image::DynamicImage::from_decoder(decoder).map_err(corrupt)?.into_rgb8().into_raw();
    let (w, h) = (w as usize, h as usize);
    let mut planes = vec![0; interleaved.len()];
    let plane = w * h;
    if let [red, green, blue] = &mut planes.chunks_exact_mut(plane.max(1)).collect::<Vec<_>>()[..] {
        let (pixels, _) = interleaved.as_chunks::<3>();
        for (at, &[r, g, b]) in pixels.iter().enumerate() {
            (red[at], green[at], blue[at]) = (r, g, b);
        }
    }
    Sample::new(&name(), Values::Bytes(planes), 1, Map::new(3, h, w))
}

impl Dataset for ImageFolder {
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
        None
    }

    fn source(&self, index: usize) -> String {
        self.files.get(index).map_or_else(|| self.name.clone(), |file| file.display().to_string())
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        decode(self.files.get(index).ok_or(DataError::Index { index, len: self.files.len() })?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Images, Transform, Transforms};

    /// A picture of one colour.
    fn write(path: &Path, colour: [u8; 3], w: u32, h: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(w, h, image::Rgb(colour)).save(path).unwrap();
    }

    fn bytes(set: &ImageFolder, index: usize) -> Vec<u8> {
        match set.sample(index).unwrap().into_values() {
            Values::Bytes(values) => values,
            Values::Floats(_) => unreachable!("files hold bytes"),
        }
    }

    #[test]
    fn every_format_is_read_and_classes_are_folders() {
        let folder = tempfile::tempdir().unwrap();
        for (at, ending) in ["png", "bmp", "tiff", "gif", "JPG"].into_iter().enumerate() {
            write(&folder.path().join(format!("cat/{at}.{ending}")), [200, 100, 50], 3, 2);
        }
        write(&folder.path().join("dog/deep/1.png"), [1, 2, 3], 2, 2);
        std::fs::write(folder.path().join("dog/notes.txt"), "no image").unwrap();
        let set = ImageFolder::open(folder.path()).unwrap();
        assert_eq!(
            (set.classes(), set.labels()),
            (&["cat".to_string(), "dog".to_string()][..], &[0, 0, 0, 0, 0, 1][..])
        );
        assert_eq!(set.ignored().len(), 1);
        let expected = [[200; 6], [100; 6], [50; 6]].concat();
        for index in 0..5 {
            let near = bytes(&set, index).iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 3);
            assert!(near, "{:?}", set.files()[index]);
        }
        assert_eq!(bytes(&set, 5), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("b/1.png"), [0; 3], 1, 1);
        let path = folder.path().join("a/1.png");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(1, 1, image::Luma([0x8080])).save(path).unwrap();
        assert_eq!(bytes(&ImageFolder::open(folder.path()).unwrap(), 0), [128; 3]);
    }

    #[test]
    fn numbered_folders_are_counted_and_not_spelt() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["10", "9", "2"] {
            write(&folder.path().join(class).join("1.png"), [0; 3], 1, 1);
        }
        assert_eq!(ImageFolder::open(folder.path()).unwrap().classes(), ["2", "9", "10"]);
    }

    #[test]
    fn a_corrupt_file_in_the_middle_is_named_or_left_out_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for at in 0..3 {
            write(&folder.path().join(format!("a/{at}.jpg")), [9; 3], 8, 8);
        }
        write(&folder.path().join("b/0.jpg"), [9; 3], 8, 8);
        let broken = folder.path().join("a/1.jpg");
        let whole = std::fs::read(&broken).unwrap();
        std::fs::write(&broken, &whole[..40]).unwrap();
        let set = ImageFolder::open(folder.path()).unwrap();
        let error = set.sample(1).unwrap_err().to_string();
        assert!(error.contains("1.jpg") && error.contains("without_corrupt"), "{error}");
        let (sound, left_out) = set.without_corrupt().unwrap();
        assert_eq!((sound.labels(), left_out.len()), (&[0, 0, 1][..], 1));
        assert_eq!(left_out[0].file, broken);
        std::fs::write(folder.path().join("b/0.jpg"), b"").unwrap();
        assert!(ImageFolder::open(folder.path()).unwrap().without_corrupt().is_err());
    }

    #[test]
    fn one_class_none_and_empty_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ImageFolder::open(folder.path()).is_err());
        write(&folder.path().join("only/1.png"), [0; 3], 1, 1);
        let error = ImageFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("`only`"), "{error}");
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let error = ImageFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("empty") && error.contains("no samples"), "{error}");
    }

    #[test]
    fn mixed_sizes_are_refused_until_they_are_resized() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a/1.png"), [7; 3], 4, 4);
        write(&folder.path().join("b/1.png"), [8; 3], 6, 4);
        let set = ImageFolder::open(folder.path()).unwrap();
        let error = Images::collect(&set, &Transforms::none()).unwrap_err().to_string();
        assert!(error.contains("3x4x6") && error.contains("3x4x4") && error.contains("1.png"), "{error}");
        let size = Transform::Resize { height: 2, width: 2, filter: Default::default() };
        let images = Images::collect(&set, &Transforms::new(vec![size]).unwrap()).unwrap();
        assert_eq!(images.image(1).unwrap(), [8; 12]);
    }

    #[test]
    fn tiny_imagenet_is_read_as_it_is_unpacked() {
        let root = tempfile::tempdir().unwrap();
        for class in ["n01", "n02"] {
            write(&root.path().join(format!("train/{class}/images/{class}_0.JPEG")), [3; 3], 2, 2);
            std::fs::write(root.path().join(format!("train/{class}/{class}_boxes.txt")), "x").unwrap();
        }
        write(&root.path().join("val/images/val_0.JPEG"), [5; 3], 2, 2);
        std::fs::write(root.path().join("val/val_annotations.txt"), "val_0.JPEG\tn02\t0\t0\t1\t1\n").unwrap();
        assert_eq!(ImageFolder::open_split(root.path(), Split::Train).unwrap().labels(), [0, 1]);
        let held_out = ImageFolder::open_split(root.path(), Split::Test).unwrap();
        assert_eq!((held_out.labels(), held_out.classes().len()), (&[1][..], 2));
        held_out.sample(0).unwrap();
    }
}
