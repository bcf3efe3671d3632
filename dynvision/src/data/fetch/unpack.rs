//! Archives, unpacked without trust in what they say.

use super::FetchError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;

/// What an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: usize,
}

/// Folders within folders.
const DEEPEST: usize = 32;
/// Names that do not fit into a header of 512 bytes have one of their own, of at most this size.
const LONGEST_NAME: u64 = 1 << 16;

/// Unpacks an archive (`.tar`, `.tar.gz`, `.zip`, or a single file in `.gz`, told apart by their content) to a folder that is not there yet,
/// which appears when it is complete.
///
/// Only files and folders are made, and only below that folder: an absolute path, one with `..`, a link or a device is an error that names it.
/// No more than the limits is written, whatever the archive's headers say. Owners, modes and times are not taken over.
///
/// # Errors
/// A folder that is there; an archive that is damaged, of another kind, beyond the limits, or that has an entry of these kinds; nothing is
/// kept of it.
pub fn unpack(archive: impl AsRef<Path>, into: impl AsRef<Path>, limits: Limits) -> Result<(), FetchError> {
    let (archive, into) = (archive.as_ref(), into.as_ref());
    if into.exists() {
        return Err(FetchError::io("make", into)(io::ErrorKind::AlreadyExists.into()));
    }
    let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(FetchError::io("make", parent))?;
    let folder = tempfile::Builder::new().prefix(".unpacking").tempdir_in(parent);
    let folder = folder.map_err(FetchError::io("write in", parent))?;
    // the temporary folder is for its owner alone, what is in it is as the user's usual
    let root = folder.path().join("content");
    std::fs::create_dir(&root).map_err(FetchError::io("make", &root))?;
    let mut unpacking = Unpacking { archive, root: root.clone(), left: limits.bytes, entries: limits.entries, limits };
    unpacking.run()?;
    std::fs::rename(&root, into).map_err(FetchError::io("make", into))
}

struct Unpacking<'a> {
    archive: &'a Path,
    root: PathBuf,
    left: u64,
    entries: usize,
    limits: Limits,
}

impl Unpacking<'_> {
    fn bad(&self, found: impl Into<String>) -> FetchError {
        FetchError::Archive { file: self.archive.display().to_string(), found: found.into() }
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> FetchError {
        self.bad(format!("is damaged or cut off ({error})"))
    }

    fn run(&mut self) -> Result<(), FetchError> {
        let path = self.archive;
        let open = || File::open(path).map_err(FetchError::io("read", path));
        let head = begin(open()?, 512).map_err(FetchError::io("read", path))?;
        if head.starts_with(b"PK") {
            return self.zip(BufReader::new(open()?));
        }
        if is_tar(&head) {
            return self.tar(BufReader::new(open()?));
        }
        if !head.starts_with(&[0x1f, 0x8b]) {
            return Err(self.bad("is neither a tar, a gzip nor a zip archive"));
        }
        let decoder = || Ok::<_, FetchError>(MultiGzDecoder::new(BufReader::new(open()?)));
        let inner = begin(decoder()?, 512).map_err(|error| self.damaged(&error))?;
        if is_tar(&inner) {
            return self.tar(decoder()?);
        }
        // one file, named as the archive without its ending
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        self.file(name.as_bytes(), None, &mut decoder()?)
    }

    fn tar(&mut self, reader: impl Read) -> Result<(), FetchError> {
        // the headers count as well: an archive of nothing but headers ends, too
        let headers = (self.limits.entries as u64).saturating_mul(4096).saturating_add(1 << 20);
        let most = self.limits.bytes.saturating_add(headers);
        let mut archive = tar::Archive::new(Bounded { reader, left: most });
        let entries = archive.entries().map_err(|error| self.damaged(&error))?;
        // Names of any length are read here, since the crate reads them whole.
        let mut long_name: Option<Vec<u8>> = None;
        for entry in entries.raw(true) {
            let mut entry = entry.map_err(|error| self.damaged(&error))?;
            let (kind, size) = (entry.header().entry_type(), entry.size());
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                if size > LONGEST_NAME {
                    return Err(self.bad(format!("has a name of {size} bytes")));
                }
                self.count()?;
                let mut text = Vec::new();
                entry.read_to_end(&mut text).map_err(|error| self.damaged(&error))?;
                long_name = if kind.is_gnu_longname() { Some(until_nul(&text).to_vec()) } else { self.pax(&text)? };
            } else if kind.is_pax_global_extensions() {
                self.count()?;
            } else if kind.is_dir() || (kind.is_file() && name.ends_with(b"/")) {
                self.folder(&name)?;
            } else if kind.is_file() {
                self.file(&name, Some(size), &mut entry)?;
            } else {
                let what =
                    if kind.is_symlink() || kind.is_hard_link() { "a link" } else { "neither a file nor a folder" };
                return Err(self.bad(format!("has {:?}, which is {what}", String::from_utf8_lossy(&name))));
            }
        }
        // to the end, so that the checksum of the compression is verified
        let mut rest = archive.into_inner();
        io::copy(&mut rest, &mut io::sink()).map_err(|error| self.damaged(&error))?;
        Ok(())
    }

    /// The name in an extended header: records `length key=value\n`.
    fn pax(&self, text: &[u8]) -> Result<Option<Vec<u8>>, FetchError> {
        let (mut rest, mut path) = (text, None);
        while !rest.is_empty() {
            let record = || {
                let space = rest.iter().position(|&byte| byte == b' ')?;
                let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
                let record = rest.get(space + 1..length)?.strip_suffix(b"\n")?;
                let equals = record.iter().position(|&byte| byte == b'=')?;
                Some((&record[..equals], &record[equals + 1..], &rest[length..]))
            };
            let (key, value, after) = record().ok_or_else(|| self.bad("has an extended header that is none"))?;
            match key {
                b"path" => path = Some(value.to_vec()),
                b"size" => return Err(self.bad("has a file of 8 GiB or more")),
                _ => {}
            }
            rest = after;
        }
        Ok(path)
    }

    fn zip(&mut self, reader: impl Read + Seek) -> Result<(), FetchError> {
        let mut archive = ZipArchive::new(reader).map_err(|error| self.damaged(&error))?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|error| self.damaged(&error))?;
            let name = entry.name_raw().to_vec();
            // the kind of a Unix file, where there is one: a file, a folder, or what is refused
            let kind = entry.unix_mode().map_or(0, |mode| mode & 0o170_000);
            if entry.is_dir() {
                self.folder(&name)?;
            } else if kind == 0 || kind == 0o100_000 {
                let size = entry.size();
                self.file(&name, Some(size), &mut entry)?;
            } else {
                let what = if kind == 0o120_000 { "a link" } else { "neither a file nor a folder" };
                return Err(self.bad(format!("has {:?}, which is {what}", String::from_utf8_lossy(&name))));
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), FetchError> {
        let left = self.entries.checked_sub(1);
        self.entries = left.ok_or_else(|| self.bad(format!("has more than {} entries", self.limits.entries)))?;
        Ok(())
    }

    /// Where an entry comes to lie: below the folder, or nowhere.
    fn place(&self, name: &[u8]) -> Result<PathBuf, FetchError> {
        let outside =
            || self.bad(format!("has {:?}, which is no path below its folder", String::from_utf8_lossy(name)));
        let text = std::str::from_utf8(name).ok().filter(|text| !text.contains(['\0', '\\'])).ok_or_else(outside)?;
        let (mut place, mut depth) = (self.root.clone(), 0);
        for component in Path::new(text).components() {
            match component {
                Component::Normal(part) => {
                    place.push(part);
                    depth += 1;
                }
                Component::CurDir => {}
                _ => return Err(outside()),
            }
        }
        if depth > DEEPEST { Err(outside()) } else { Ok(place) }
    }

    fn folder(&mut self, name: &[u8]) -> Result<(), FetchError> {
        self.count()?;
        let place = self.place(name)?;
        std::fs::create_dir_all(&place).map_err(FetchError::io("make", &place))
    }

    fn file(&mut self, name: &[u8], stated: Option<u64>, content: &mut impl Read) -> Result<(), FetchError> {
        self.count()?;
        let place = self.place(name)?;
        let shown = String::from_utf8_lossy(name).into_owned();
        let too_large = || self.bad(format!("unpacks to more than {} bytes (at {shown:?})", self.limits.bytes));
        if stated.is_some_and(|stated| stated > self.left) {
            return Err(too_large());
        }
        if place == self.root {
            return Err(self.bad(format!("has the file {shown:?}, which has no name")));
        }
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent).map_err(FetchError::io("make", parent))?;
        }
        let mut file = match File::create_new(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.bad(format!("has {shown:?} twice")));
            }
            file => file.map_err(FetchError::io("make", &place))?,
        };
        let most = stated.unwrap_or(self.left);
        let mut buffer = vec![0; 1 << 16];
        let mut written = 0u64;
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.damaged(&error)),
            };
            written += read as u64;
            if written > most {
                return Err(match stated {
                    Some(stated) => self.bad(format!("has more than the {stated} bytes it states for {shown:?}")),
                    None => too_large(),
                });
            }
            io::Write::write_all(&mut file, &buffer[..read]).map_err(FetchError::io("write", &place))?;
        }
        if stated.is_some_and(|stated| stated != written) {
            return Err(self.bad(format!("holds {written} bytes of {shown:?} and states another number")));
        }
        self.left -= written;
        Ok(())
    }
}

/// The first bytes of a reader, as many as there are.
fn begin(reader: impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the first block is a header: its checksum is the sum of its bytes, with blanks for the checksum.
fn is_tar(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<512>() else { return false };
    let stated = std::str::from_utf8(&block[148..156]).ok();
    let stated = stated.and_then(|text| u32::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok());
    let sum = block.iter().enumerate().map(|(at, &byte)| if (148..156).contains(&at) { 32 } else { u32::from(byte) });
    stated == Some(sum.sum())
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A reader that ends in an error after so many bytes.
struct Bounded<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("it unpacks to more than it may")),
        }
        Ok(read)
    }
}
