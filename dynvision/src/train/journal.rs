//! The history of a run on the disk: lines that are appended and never written again.

use super::{Epoch, Step, TrainError, TrainingLog};
use crate::file::named;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the checkpoints.
pub(super) const NAME: &str = "metrics.jsonl";

/// Up to where a journal belongs to a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// How many bytes of the journal.
    pub bytes: u64,
    /// Their CRC-32.
    pub crc32: u32,
    /// How many epochs stand in them.
    pub epochs: usize,
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    /// Some updates.
    Step(Step),
    /// An epoch.
    Epoch(Epoch),
}

/// A journal that a training appends to.
///
/// Each line goes to the system at once, so a process that is killed loses none. It is forced to the disk before a
/// checkpoint that counts on it: what a loss of power can take is behind the last checkpoint's position, where a resumed
/// training cuts it anyway.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    epochs: usize,
    checksum: crc32fast::Hasher,
}

impl Journal {
    /// A new one in `folder`, in place of one that is there, with the epochs of `history`: those of a training whose own
    /// journal is not at hand.
    pub(super) fn begin(folder: &Path, history: &TrainingLog) -> Result<Self, TrainError> {
        let path = folder.join(NAME);
        if path.exists() {
            is_file(&path).map_err(|error| failed(folder, named("write", &path, error)))?;
        }
        // whoever reads sees the old one or the new one
        let written = crate::file::atomic::write(&path, |file| {
            history
                .epochs
                .iter()
                .try_for_each(|epoch| file.write_all(line(&path, &Line::Epoch(epoch.clone()))?.as_bytes()))
        });
        written.map_err(|error: io::Error| failed(folder, error))?;
        Journal::open(path, history.epochs.len()).map_err(|error| failed(folder, error))
    }

    /// The one that a checkpoint was written beside, at `from`: cut behind its position if it is that of `folder`, copied into
    /// `folder` else.
    pub(super) fn go_on(folder: &Path, from: &Path, position: &Position) -> Result<Self, TrainError> {
        let path = folder.join(NAME);
        verify(from, position)?;
        if same_file(from, &path) {
            let cut = File::options().write(true).open(&path).and_then(|file| {
                file.set_len(position.bytes)?;
                file.sync_all()
            });
            cut.map_err(|error| failed(folder, named("cut", &path, error)))?;
        } else {
            let copied = crate::file::atomic::write(&path, |file| {
                let mut source = File::open(from).map_err(|error| named("read", from, error))?.take(position.bytes);
                io::copy(&mut source, file).map(|_| ())
            });
            copied.map_err(|error: io::Error| failed(folder, error))?;
        }
        Journal::open(path, position.epochs).map_err(|error| failed(folder, error))
    }

    /// Takes up what is in the file, in which so many epochs stand, as its own.
    fn open(path: PathBuf, epochs: usize) -> io::Result<Self> {
        let name = |error| named("open", &path, error);
        is_file(&path).map_err(name)?;
        let mut file = File::options().read(true).write(true).open(&path).map_err(name)?;
        let (bytes, checksum) = sum(&mut file, u64::MAX).map_err(name)?;
        file.seek(SeekFrom::End(0)).map_err(name)?;
        Ok(Journal { path, file, bytes, epochs, checksum })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line. If it cannot be written in full, nothing of it stays.
    pub(super) fn append(&mut self, content: &Line) -> Result<(), TrainError> {
        let folder = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let text = line(&self.path, content).map_err(|error| failed(&folder, error))?;
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            // as far as the file system lets it; what stays is behind every position, and no line
            let _ = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
            return Err(failed(&folder, named("write", &self.path, error)));
        }
        self.bytes += text.len() as u64;
        self.checksum.update(text.as_bytes());
        self.epochs += usize::from(matches!(content, Line::Epoch(_)));
        Ok(())
    }

    /// Forces it to the disk, and says how far it has come.
    pub(super) fn sync(&self) -> Result<Position, TrainError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        self.file.sync_data().map_err(|error| failed(folder, named("write", &self.path, error)))?;
        Ok(self.position())
    }

    /// How far it has come.
    pub(super) fn position(&self) -> Position {
        Position { bytes: self.bytes, crc32: self.checksum.clone().finalize(), epochs: self.epochs }
    }
}

fn failed(folder: &Path, source: io::Error) -> TrainError {
    TrainError::Folder { folder: folder.to_path_buf(), source }
}

fn line(path: &Path, content: &Line) -> io::Result<String> {
    let text = serde_json::to_string(content).map_err(|error| named("write", path, io::Error::other(error)))?;
    Ok(text + "\n")
}

/// A device or a pipe can be without an end, and nothing is ever appended to a folder.
fn is_file(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_file() { Ok(()) } else { Err(io::Error::other("it is no regular file")) }
}

/// The number and the CRC-32 of a file's first bytes, at most so many.
fn sum(file: &mut File, most: u64) -> io::Result<(u64, crc32fast::Hasher)> {
    let (mut bytes, mut checksum, mut rest) = (0, crc32fast::Hasher::new(), BufReader::new(file.take(most)));
    loop {
        let part = rest.fill_buf()?;
        if part.is_empty() {
            return Ok((bytes, checksum));
        }
        checksum.update(part);
        let len = part.len();
        bytes += len as u64;
        rest.consume(len);
    }
}

/// Checks that a journal begins with what a checkpoint was written beside.
pub(super) fn verify(path: &Path, position: &Position) -> Result<(), TrainError> {
    let wrong = |what: String| {
        TrainError::Checkpoint(format!(
            "belongs to the history in `{}`, {what}: keep the two together, or take up only the weights by \
             `Checkpoint::load_into`",
            path.display()
        ))
    };
    let mut file = match is_file(path).and_then(|()| File::open(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(wrong("which is not there".into())),
        Err(error) => return Err(wrong(format!("which cannot be read ({error})"))),
    };
    let (bytes, checksum) =
        sum(&mut file, position.bytes).map_err(|error| wrong(format!("which cannot be read ({error})")))?;
    if bytes < position.bytes {
        return Err(wrong(format!("which has {bytes} bytes where the checkpoint had {}", position.bytes)));
    }
    if checksum.finalize() != position.crc32 {
        return Err(wrong("which has changed since, or is that of another run".into()));
    }
    Ok(())
}

/// Whether two paths lead to one file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Calls `see` with each whole line of the first bytes of a journal; what stands behind the last end of a line is none yet.
fn lines(path: &Path, most: u64, mut see: impl FnMut(Line)) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut rest = BufReader::new(file.take(most));
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        rest.read_until(b'\n', &mut text).map_err(|error| error.to_string())?;
        if text.pop() != Some(b'\n') {
            break;
        }
        see(serde_json::from_slice(&text).map_err(|error| format!("line {number}: {error}"))?);
    }
    Ok(())
}

fn epochs_in(path: &Path) -> Result<TrainingLog, String> {
    let mut log = TrainingLog::default();
    lines(path, u64::MAX, |line| {
        if let Line::Epoch(epoch) = line {
            log.epochs.push(epoch);
        }
    })?;
    Ok(log)
}

/// The epochs of a journal up to a position.
pub(super) fn history_at(path: &Path, position: &Position) -> Result<TrainingLog, TrainError> {
    verify(path, position)?;
    let mut log = TrainingLog::default();
    let read = lines(path, position.bytes, |line| {
        if let Line::Epoch(epoch) = line {
            log.epochs.push(epoch);
        }
    });
    match read {
        Ok(()) if log.epochs.len() == position.epochs => Ok(log),
        Ok(()) => Err(TrainError::Checkpoint(format!(
            "counts on {} epochs in `{}`, which holds {}",
            position.epochs,
            path.display(),
            log.epochs.len()
        ))),
        Err(error) => Err(TrainError::Checkpoint(format!("cannot read its history in `{}`: {error}", path.display()))),
    }
}

impl TrainingLog {
    /// The epochs of a `metrics.jsonl`, of a training that runs too: a last line that is not whole yet is left out.
    ///
    /// # Errors
    /// A file that cannot be read, or a whole line that is none of a training, with its number.
    pub fn read_jsonl(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        epochs_in(path).map_err(|error| named("read", path, io::Error::other(error)))
    }
}

impl Step {
    /// The lines of a `metrics.jsonl` that are about updates; see [`TrainingLog::read_jsonl`] for those about epochs.
    ///
    /// # Errors
    /// As there.
    pub fn read_jsonl(path: impl AsRef<Path>) -> io::Result<Vec<Self>> {
        let (path, mut steps) = (path.as_ref(), Vec::new());
        let read = lines(path, u64::MAX, |line| {
            if let Line::Step(step) = line {
                steps.push(step);
            }
        });
        read.map_err(|error| named("read", path, io::Error::other(error)))?;
        Ok(steps)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::train::Metrics;
    use proptest::prelude::*;

    fn epoch(number: usize) -> Epoch {
        let train = Metrics { loss: number as f64 / 3.0, in_time: vec![0.1; 5], ..Default::default() };
        Epoch {
            epoch: number,
            gradient_norm: f64::INFINITY,
            train: train.clone(),
            valid: Some(train),
            ..Default::default()
        }
    }

    fn history(epochs: usize) -> TrainingLog {
        TrainingLog { epochs: (1..=epochs).map(epoch).collect() }
    }

    #[test]
    fn what_is_appended_is_read_and_cut_where_a_checkpoint_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let mut journal = Journal::begin(folder.path(), &history(2)).unwrap();
        journal.append(&Line::Step(Step { update: 7, ..Default::default() })).unwrap();
        let position = journal.sync().unwrap();
        journal.append(&Line::Epoch(epoch(3))).unwrap();
        let beyond = journal.sync().unwrap();
        assert_eq!((position.epochs, beyond.epochs), (2, 3));
        drop(journal);
        // a line that a killed process has not written to its end
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"kind\":\"ep";
        std::fs::write(&path, &torn).unwrap();
        assert_eq!(TrainingLog::read_jsonl(&path).unwrap(), history(3));
        assert_eq!(Step::read_jsonl(&path).unwrap()[0].update, 7);
        assert_eq!(history_at(&path, &position).unwrap(), history(2));
        let mut journal = Journal::go_on(folder.path(), &path, &position).unwrap();
        assert_eq!(journal.position(), position);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), torn[..position.bytes as usize]);
        journal.append(&Line::Epoch(epoch(3))).unwrap();
        assert_eq!(journal.position(), beyond);
        // into another folder
        let other = tempfile::tempdir().unwrap();
        let copy = Journal::go_on(other.path(), &path, &position).unwrap();
        assert_eq!(copy.position(), position);
        assert_eq!(std::fs::read_to_string(&path).unwrap().len() as u64, beyond.bytes);
    }

    #[test]
    fn a_journal_of_another_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let position = Journal::begin(folder.path(), &history(2)).unwrap().position();
        let says = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let read = history_at(&path, &position).unwrap_err().to_string();
            assert_eq!(Journal::go_on(folder.path(), &path, &position).unwrap_err().to_string(), read);
            assert!(read.contains("metrics.jsonl") && read.contains("load_into"), "{read}");
            read
        };
        let good = std::fs::read_to_string(&path).unwrap();
        assert!(says(&good.replacen("0.1", "0.2", 1)).contains("has changed"));
        assert!(says(&good[1..]).contains("bytes"));
        std::fs::remove_file(&path).unwrap();
        assert!(history_at(&path, &position).unwrap_err().to_string().contains("not there"));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, "{\"kind\":\"step\",\"update\":1}\nnonsense\n").unwrap();
        for says in [TrainingLog::read_jsonl(&path).unwrap_err(), Step::read_jsonl(&path).unwrap_err()] {
            assert!(says.to_string().contains("metrics.jsonl") && says.to_string().contains("line 2"), "{says}");
        }
        assert!(TrainingLog::read_jsonl(folder.path().join("none")).unwrap_err().to_string().contains("none"));
    }

    proptest! {
        /// Whatever a file holds, reading it is an error or a log, with a line for each of its lines at most.
        #[test]
        fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(NAME);
            drop(Journal::begin(folder.path(), &history(2)).unwrap());
            let mut bytes = std::fs::read(&path).unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            std::fs::write(&path, &bytes).unwrap();
            let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
            if let Ok(log) = TrainingLog::read_jsonl(&path) {
                prop_assert!(log.epochs.len() <= lines);
            }
            let _ = Step::read_jsonl(&path);
        }
    }

    /// A device has no end to read to.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let position = Position { bytes: 9, ..Default::default() };
        for error in [
            Journal::begin(folder.path(), &history(0)).unwrap_err(),
            Journal::go_on(folder.path(), &path, &position).unwrap_err(),
            history_at(&path, &position).unwrap_err(),
        ] {
            assert!(error.to_string().contains("no regular file"), "{error}");
        }
    }

    #[test]
    fn a_long_history_is_appended_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), &history(0)).unwrap();
        let train = Metrics { in_time: (0..1000).map(|step| f64::from(step) / 3.0).collect(), ..Default::default() };
        let epoch = |epoch| Epoch { epoch, train: train.clone(), ..Default::default() };
        for number in 1..=200 {
            journal.append(&Line::Epoch(epoch(number))).unwrap();
        }
        let position = journal.sync().unwrap();
        let log = history_at(journal.path(), &position).unwrap();
        assert_eq!((log.epochs.len(), &log.epochs[199]), (200, &epoch(200)));
    }

    /// A write that fails in the middle leaves no half line.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), &history(1)).unwrap();
        journal.file = File::options().write(true).open("/dev/full").unwrap();
        let before = journal.position();
        let says = journal.append(&Line::Epoch(epoch(2))).unwrap_err().to_string();
        assert!(says.contains("metrics.jsonl") && says.contains("No space left"), "{says}");
        assert_eq!(journal.position(), before);
    }
}
