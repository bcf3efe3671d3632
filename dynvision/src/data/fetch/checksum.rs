//! Checksums as data sets' authors publish them.

use super::FetchError;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read};

/// The checksum of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// MD5, which shows damage and does not hold against a forger.
    Md5([u8; 16]),
    /// SHA-256.
    Sha256([u8; 32]),
}

impl Checksum {
    /// An MD5 from its 32 hexadecimal digits.
    ///
    /// # Errors
    /// Anything else than 32 hexadecimal digits.
    pub fn md5(digits: &str) -> Result<Self, FetchError> {
        digits_of(digits).map(Checksum::Md5).ok_or_else(|| FetchError::Setting {
            setting: "MD5 checksum",
            expected: "32 hexadecimal digits",
            found: format!("{digits:?}"),
        })
    }

    /// A SHA-256 from its 64 hexadecimal digits.
    ///
    /// ```
    /// use dynvision::data::fetch::Checksum;
    /// let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    /// assert_eq!(Checksum::sha256(of_nothing)?.to_string(), format!("SHA-256 {of_nothing}"));
    /// assert_eq!(Checksum::sha256(of_nothing)?.same_of(&b""[..])?, Checksum::sha256(of_nothing)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Anything else than 64 hexadecimal digits.
    pub fn sha256(digits: &str) -> Result<Self, FetchError> {
        digits_of(digits).map(Checksum::Sha256).ok_or_else(|| FetchError::Setting {
            setting: "SHA-256 checksum",
            expected: "64 hexadecimal digits",
            found: format!("{digits:?}"),
        })
    }

    /// The checksum of the same kind of all that a reader gives.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn same_of(&self, reader: impl Read) -> io::Result<Self> {
        Ok(match self {
            Checksum::Md5(_) => Checksum::Md5(digest::<Md5>(reader)?.into()),
            Checksum::Sha256(_) => Checksum::Sha256(digest::<Sha256>(reader)?.into()),
        })
    }
}

fn digest<D: Digest>(mut reader: impl Read) -> io::Result<sha2::digest::Output<D>> {
    let (mut digest, mut buffer) = (D::new(), vec![0; 1 << 16]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(digest.finalize()),
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digits_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes): (_, &[u8]) = match self {
            Checksum::Md5(bytes) => ("MD5", bytes),
            Checksum::Sha256(bytes) => ("SHA-256", bytes),
        };
        write!(f, "{name} ")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    /// The test suites of RFC 1321 and of FIPS 180-2.
    #[test]
    fn the_values_are_those_of_the_standards() {
        let of = |sum: Checksum, text: &str| assert_eq!(sum.same_of(text.as_bytes()).unwrap(), sum, "{text}");
        of(Checksum::md5("900150983cd24fb0d6963f7d28e17f72").unwrap(), "abc");
        of(Checksum::md5("D41D8CD98F00B204E9800998ECF8427E").unwrap(), "");
        of(Checksum::sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap(), "abc");
        for wrong in [
            "",
            "90",
            "900150983cd24fb0d6963f7d28e17f7g",
            "+00150983cd24fb0d6963f7d28e17f72",
            "900150983cd24fb0d6963f7d28e17f721",
        ] {
            assert!(Checksum::md5(wrong).is_err() && Checksum::sha256(wrong).is_err(), "{wrong}");
        }
    }
}
