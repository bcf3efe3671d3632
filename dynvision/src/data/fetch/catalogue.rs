//! The published data sets: where they are, how large, with which checksums.
//!
//! MNIST, its kin, CIFAR and ImageNette: addresses and MD5 as torchvision has them (`torchvision/datasets/{mnist,imagenette}.py`) or, for
//! the binary versions of CIFAR, their [authors](https://www.cs.toronto.edu/~kriz/cifar.html); TinyImageNet: its
//! [course](http://cs231n.stanford.edu/tiny-imagenet-200.zip), MD5 as many projects check it.

use super::{Checksum, FetchError, Limits, Remote, Size};

/// A file on servers, before it is a [`Remote`].
pub(super) struct File {
    name: &'static str,
    /// What comes before the name, by server.
    bases: &'static [&'static str],
    size: Size,
    md5: [u8; 16],
}

impl File {
    pub(super) fn remote(&self) -> Remote {
        Remote {
            name: self.name.to_string(),
            urls: self.bases.iter().map(|base| format!("{base}{}", self.name)).collect(),
            size: self.size,
            checksum: Checksum::Md5(self.md5),
        }
    }
}

pub(super) enum Content {
    /// Files that the readers take as they are.
    Files(&'static [File]),
    /// An archive, of which the folder `top` is the data set.
    Archive { file: File, top: &'static str, limits: Limits },
}

pub(super) struct Set {
    pub(super) name: &'static str,
    others: &'static [&'static str],
    /// Where its files come to lie, as torchvision places them.
    pub(super) place: &'static str,
    pub(super) content: Content,
}

const fn file(name: &'static str, bases: &'static [&'static str], size: Size, md5: u128) -> File {
    File { name, bases, size, md5: md5.to_be_bytes() }
}

const MEBI: u64 = 1 << 20;
/// The files of MNIST's kin are as large as those of MNIST, more or less.
const FEW: Size = Size::AtMost(64 * MEBI);

const MNIST: &[&str] = &["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"];
const FASHION: &[&str] = &[
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];
const KMNIST: &[&str] = &["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"];
const QMNIST: &[&str] = &["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"];
const EMNIST: &[&str] =
    &["https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"];
const CIFAR: &[&str] = &["https://www.cs.toronto.edu/~kriz/"];
const FASTAI: &[&str] = &["https://s3.amazonaws.com/fast-ai-imageclas/"];
const STANFORD: &[&str] = &["http://cs231n.stanford.edu/"];

const fn imagenette(name: &'static str, archive: &'static str, top: &'static str, most: u64, md5: u128) -> Set {
    Set {
        name,
        others: &[],
        place: top,
        content: Content::Archive {
            file: file(archive, FASTAI, Size::AtMost(most), md5),
            top,
            limits: Limits { bytes: 2 * most, entries: 50_000 },
        },
    }
}

pub(super) static SETS: [Set; 11] = [
    Set {
        name: "mnist",
        others: &[],
        place: "MNIST/raw",
        content: Content::Files(&[
            file("train-images-idx3-ubyte.gz", MNIST, Size::Exactly(9_912_422), 0xf68b3c2dcbeaaa9fbdd348bbdeb94873),
            file("train-labels-idx1-ubyte.gz", MNIST, Size::Exactly(28_881), 0xd53e105ee54ea40749a09fcbcd1e9432),
            file("t10k-images-idx3-ubyte.gz", MNIST, Size::Exactly(1_648_877), 0x9fb629c4189551a2d022fa330f9573f3),
            file("t10k-labels-idx1-ubyte.gz", MNIST, Size::Exactly(4_542), 0xec29112dd5afa0611ce80d1b7f02629c),
        ]),
    },
    Set {
        name: "fashion-mnist",
        others: &["fashion"],
        place: "FashionMNIST/raw",
        content: Content::Files(&[
            file("train-images-idx3-ubyte.gz", FASHION, FEW, 0x8d4fb7e6c68d591d4c3dfef9ec88bf0d),
            file("train-labels-idx1-ubyte.gz", FASHION, FEW, 0x25c81989df183df01b3e8a0aad5dffbe),
            file("t10k-images-idx3-ubyte.gz", FASHION, FEW, 0xbef4ecab320f06d8554ea6380940ec79),
            file("t10k-labels-idx1-ubyte.gz", FASHION, FEW, 0xbb300cfdad3c16e7a12a480ee83cd310),
        ]),
    },
    Set {
        name: "kmnist",
        others: &[],
        place: "KMNIST/raw",
        content: Content::Files(&[
            file("train-images-idx3-ubyte.gz", KMNIST, FEW, 0xbdb82020997e1d708af4cf47b453dcf7),
            file("train-labels-idx1-ubyte.gz", KMNIST, FEW, 0xe144d726b3acfaa3e44228e80efcd344),
            file("t10k-images-idx3-ubyte.gz", KMNIST, FEW, 0x5c965bf0a639b31b8f53240b1b52f4d7),
            file("t10k-labels-idx1-ubyte.gz", KMNIST, FEW, 0x7320c461ea6c1c855c0b718fb2a4b134),
        ]),
    },
    Set {
        name: "qmnist",
        others: &[],
        place: "QMNIST/raw",
        content: Content::Files(&[
            file("qmnist-train-images-idx3-ubyte.gz", QMNIST, FEW, 0xed72d4157d28c017586c42bc6afe6370),
            file("qmnist-train-labels-idx2-int.gz", QMNIST, FEW, 0x0058f8dd561b90ffdd0f734c6a30e5e4),
            file("qmnist-test-images-idx3-ubyte.gz", QMNIST, FEW, 0x1394631089c404de565df7b7aeaf9412),
            file("qmnist-test-labels-idx2-int.gz", QMNIST, FEW, 0x5b5b05890a5e13444e108efe57b788aa),
        ]),
    },
    Set {
        name: "emnist",
        others: &[],
        place: "EMNIST/raw",
        content: Content::Archive {
            file: file("gzip.zip", EMNIST, Size::AtMost(1024 * MEBI), 0x58c8d27c78d21e728a6bc7b3cc06412e),
            top: "gzip",
            limits: Limits { bytes: 2048 * MEBI, entries: 200 },
        },
    },
    Set {
        name: "cifar10",
        others: &[],
        place: "cifar-10-batches-bin",
        content: Content::Archive {
            file: file("cifar-10-binary.tar.gz", CIFAR, Size::Exactly(170_052_171), 0xc32a1d4ab5d03f1284b67883e8d87530),
            top: "cifar-10-batches-bin",
            limits: Limits { bytes: 256 * MEBI, entries: 50 },
        },
    },
    Set {
        name: "cifar100",
        others: &[],
        place: "cifar-100-binary",
        content: Content::Archive {
            file: file(
                "cifar-100-binary.tar.gz",
                CIFAR,
                Size::Exactly(168_513_733),
                0x03b5dce01913d631647c71ecec9e9cb8,
            ),
            top: "cifar-100-binary",
            limits: Limits { bytes: 256 * MEBI, entries: 50 },
        },
    },
    imagenette("imagenette", "imagenette2.tgz", "imagenette2", 3072 * MEBI, 0xfe2fc210e6bb7c5664d602c3cd71e612),
    imagenette(
        "imagenette-320",
        "imagenette2-320.tgz",
        "imagenette2-320",
        1024 * MEBI,
        0x3df6f0d01a2c9592104656642f5e78a3,
    ),
    imagenette(
        "imagenette-160",
        "imagenette2-160.tgz",
        "imagenette2-160",
        512 * MEBI,
        0xe793b78cc4c9e9a4ccc0c1155377a412,
    ),
    Set {
        name: "tiny-imagenet",
        others: &[],
        place: "tiny-imagenet-200",
        content: Content::Archive {
            file: file(
                "tiny-imagenet-200.zip",
                STANFORD,
                Size::Exactly(248_100_043),
                0x90528d7ca1a48142e341f4ef8d21d0de,
            ),
            top: "tiny-imagenet-200",
            limits: Limits { bytes: 1024 * MEBI, entries: 250_000 },
        },
    },
];

/// A name without what people write differently.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The data set of that name.
pub(super) fn find(name: &str) -> Result<&'static Set, FetchError> {
    let wanted = plain(name);
    let has = |set: &&Set| std::iter::once(&set.name).chain(set.others).any(|name| plain(name) == wanted);
    SETS.iter().find(has).ok_or_else(|| {
        let known = SETS.iter().map(|set| set.name).collect::<Vec<_>>().join(", ");
        let mend = match wanted.as_str() {
            "imagenet" => "ImageNet needs an account at image-net.org: unpack it yourself, and read it by `ImageFolder::open_split`".to_string(),
            "digits" | "mnist5k" => format!("it comes with the crate: `data::{wanted}::train()`"),
            _ => format!("there are {known}"),
        };
        FetchError::UnknownSet { name: name.to_string(), mend }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_people_write_them() {
        for (written, name) in [
            ("CIFAR-10", "cifar10"),
            ("cifar_100", "cifar100"),
            ("Fashion", "fashion-mnist"),
            ("TinyImageNet", "tiny-imagenet"),
            ("imagenette160", "imagenette-160"),
        ] {
            assert_eq!(find(written).unwrap().name, name);
        }
        for (written, word) in
            [("cifar", "cifar10"), ("imagenet", "account"), ("digits", "data::digits::train"), ("", "mnist")]
        {
            let error = find(written).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn no_two_sets_share_a_name_a_place_or_a_checksum() {
        let mut names: Vec<String> =
            SETS.iter().flat_map(|set| std::iter::once(&set.name).chain(set.others)).map(|name| plain(name)).collect();
        let mut places: Vec<&str> = SETS.iter().map(|set| set.place).collect();
        let files = |set: &'static Set| match &set.content {
            Content::Files(files) => files.iter().collect::<Vec<_>>(),
            Content::Archive { file, .. } => vec![file],
        };
        let mut sums: Vec<[u8; 16]> = SETS.iter().flat_map(files).map(|file| file.md5).collect();
        let counts = (names.len(), places.len(), sums.len());
        names.sort();
        names.dedup();
        places.sort();
        places.dedup();
        sums.sort();
        sums.dedup();
        assert_eq!((names.len(), places.len(), sums.len()), counts);
    }
}
