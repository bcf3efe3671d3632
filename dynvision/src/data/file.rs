//! Reading a whole data file, with memory bounded by what it says it holds.

use super::DataError;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::Path;

/// DEFLATE expands a byte to at most this many.
const GREATEST_EXPANSION: usize = 1032;

/// The bytes of a regular file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let io = |source| DataError::Io { file: path.display().to_string(), source };
    // A pipe or a device has no size that could bound the memory.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(std::io::Error::other("not a regular file")));
    }
    std::fs::read(path).map_err(io)
}

/// Whether the bytes are a gzip stream.
pub(super) fn is_gzip(raw: &[u8]) -> bool {
    raw.starts_with(&[0x1f, 0x8b])
}

/// A file's content, plain or from gzip, read piece by piece.
pub(super) struct Content<'a> {
    file: &'a str,
    reader: Reader<'a>,
    /// No more bytes than these can come.
    greatest: usize,
}

enum Reader<'a> {
    Plain(&'a [u8]),
    Gzip(Box<MultiGzDecoder<&'a [u8]>>),
}

impl<'a> Content<'a> {
    /// The content of the file's bytes; `file` names it in errors.
    pub(super) fn new(file: &'a str, raw: &'a [u8]) -> Self {
        if is_gzip(raw) {
            let greatest = raw.len().saturating_mul(GREATEST_EXPANSION);
            Content { file, reader: Reader::Gzip(Box::new(MultiGzDecoder::new(raw))), greatest }
        } else {
            Content { file, reader: Reader::Plain(raw), greatest: raw.len() }
        }
    }

    /// No more bytes than these can come.
    pub(super) fn greatest(&self) -> usize {
        self.greatest
    }

    /// Up to `count` bytes; fewer only at the end.
    pub(super) fn up_to(&mut self, count: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let result = match &mut self.reader {
            Reader::Plain(rest) => rest.take(count as u64).read_to_end(&mut bytes),
            Reader::Gzip(decoder) => decoder.take(count as u64).read_to_end(&mut bytes),
        };
        match result {
            Ok(_) => Ok(bytes),
            Err(source) => Err(DataError::Gzip { file: self.file.to_string(), source }),
        }
    }

    /// Exactly `count` bytes, and then the end of the file. Refuses a count that the file cannot hold before any memory
    /// is taken for it.
    pub(super) fn rest(mut self, count: usize, of: &'static str) -> Result<Vec<u8>, DataError> {
        let Content { file, greatest, .. } = self;
        let wrong =
            |found: String| Err(DataError::Size { file: file.to_string(), expected: count.to_string(), of, found });
        if count > greatest {
            return wrong(format!("at most {greatest}"));
        }
        // One byte more than expected shows what is too long, and makes the decoder verify its checksum.
        let bytes = self.up_to(count.saturating_add(1))?;
        match bytes.len() {
            found if found == count => Ok(bytes),
            found if found > count => wrong("more".to_string()),
            found => wrong(found.to_string()),
        }
    }
}
