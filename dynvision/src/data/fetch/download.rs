//! A file from servers that may be silent, break off, lie or send something else.

use super::{Fetch, FetchError, Progress, Remote};
use crate::file::FolderLock;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// What a try must bring to count as progress.
const PROGRESS: u64 = 1 << 16;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The hidden folder beside a file in which it comes into being; one process has it for itself.
pub(super) struct Workplace {
    lock: FolderLock,
}

impl Workplace {
    /// Takes the workplace of a file of that name.
    pub(super) fn take(folder: &Path, name: &str) -> Result<Self, FetchError> {
        let path = folder.join(format!(".{name}.fetching"));
        let lock = FolderLock::take(&path).map_err(FetchError::io("work in", &path))?;
        Ok(Workplace { lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.lock.folder()
    }

    /// Removes what an interrupted unpacking left.
    pub(super) fn sweep(&self) -> Result<(), FetchError> {
        let list = std::fs::read_dir(self.path()).map_err(FetchError::io("read", self.path()))?;
        for entry in list.flatten() {
            let path = entry.path();
            if path.is_dir() {
                std::fs::remove_dir_all(&path).map_err(FetchError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Gives it back, empty.
    pub(super) fn remove(self) -> Result<(), FetchError> {
        let path = self.path().to_path_buf();
        drop(self);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FetchError::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

/// Fetches a file unless it is there, and returns its path.
pub(super) fn download(fetch: &Fetch, remote: &Remote, folder: &Path) -> Result<PathBuf, FetchError> {
    let mut parts = Path::new(&remote.name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        let found = format!("{:?}", remote.name);
        return Err(FetchError::Setting { setting: "name of a file", expected: "a name without folders", found });
    }
    let target = folder.join(&remote.name);
    if is_whole(&target, remote)? {
        return Ok(target);
    }
    let work = Workplace::take(folder, &remote.name)?;
    // another process may have fetched it until it gave the workplace back
    if !is_whole(&target, remote)? {
        let part = work.path().join("part");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&part);
        let file = file.map_err(FetchError::io("write", &part))?;
        let mut transfer = Transfer { fetch, remote, file, part: part.clone() };
        transfer.try_all(&target)?;
        transfer.file.sync_all().map_err(FetchError::io("write", &part))?;
        std::fs::rename(&part, &target).map_err(FetchError::io("make", &target))?;
    }
    work.remove()?;
    Ok(target)
}

/// Whether the file is there with its checksum.
fn is_whole(path: &Path, remote: &Remote) -> Result<bool, FetchError> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(false) };
    let fits = remote.size.exact().is_none_or(|size| size == metadata.len());
    if !metadata.is_file() || !fits || metadata.len() > remote.size.greatest() {
        return Ok(false);
    }
    let sum = File::open(path).and_then(|file| remote.checksum.same_of(file));
    Ok(sum.map_err(FetchError::io("read", path))? == remote.checksum)
}

/// Why a server gave nothing, or not all.
enum Failure {
    /// It may do better next time.
    Again(String),
    /// It could not be reached; it may be next time.
    Unreachable(String),
    /// It will not do better.
    Final(String),
    /// Here is the fault.
    Here(FetchError),
}

struct Transfer<'a> {
    fetch: &'a Fetch,
    remote: &'a Remote,
    file: File,
    part: PathBuf,
}

impl Transfer<'_> {
    /// The verified file from the first server that gives it.
    fn try_all(&mut self, target: &Path) -> Result<(), FetchError> {
        let (mut tried, mut unreachable, mut mismatch) = (Vec::new(), true, false);
        for url in &self.remote.urls {
            // What lay here before may have been of another version, so that one more try is its due.
            let mut resumed = self.here(|file| file.metadata().map(|metadata| metadata.len() > 0))?;
            let failure = loop {
                match self.try_one(url) {
                    Ok(()) => {}
                    Err(failure) => break failure,
                }
                let found = self.here(|file| {
                    file.seek(SeekFrom::Start(0))?;
                    Ok((file.metadata()?.len(), self.remote.checksum.same_of(file)?))
                })?;
                if found.1 == self.remote.checksum {
                    return Ok(());
                }
                self.clear()?;
                if !std::mem::take(&mut resumed) {
                    mismatch = true;
                    break Failure::Final(format!("{} bytes with {} came", found.0, found.1));
                }
            };
            let reason = match failure {
                Failure::Here(error) => return Err(error),
                Failure::Unreachable(reason) => reason,
                Failure::Again(reason) | Failure::Final(reason) => {
                    unreachable = false;
                    reason
                }
            };
            tried.push(format!("{url}: {reason}"));
        }
        let (file, place) = (self.remote.name.clone(), target.display().to_string());
        let tried = if tried.is_empty() { "no address is given".to_string() } else { tried.join("; ") };
        Err(if mismatch {
            FetchError::Mismatch { file, tried, expected: self.remote.checksum.to_string() }
        } else if unreachable && !self.remote.urls.is_empty() {
            FetchError::NoNetwork { file, tried, place }
        } else {
            FetchError::Refused { file, tried, place }
        })
    }

    /// All bytes from one server, in as many tries as it takes while they bring something.
    fn try_one(&mut self, url: &str) -> Result<(), Failure> {
        let agent = agent(self.fetch, url);
        let (mut failures, mut best) = (0, self.len()?);
        loop {
            let failure = match self.attempt(&agent, url) {
                Ok(()) => return Ok(()),
                Err(failure @ (Failure::Final(_) | Failure::Here(_))) => return Err(failure),
                Err(failure) => failure,
            };
            let len = self.len()?;
            // a server that starts anew each time brings nothing new
            if len >= best.saturating_add(PROGRESS) {
                (failures, best) = (0, len);
            }
            failures += 1;
            if failures >= self.fetch.tries {
                return Err(failure);
            }
            let doubled = u32::try_from(failures - 1).ok().and_then(|n| 1u32.checked_shl(n)).unwrap_or(u32::MAX);
            std::thread::sleep(self.fetch.pause.saturating_mul(doubled).min(LONGEST_PAUSE));
        }
    }

    /// One request for what is missing.
    fn attempt(&mut self, agent: &ureq::Agent, url: &str) -> Result<(), Failure> {
        let (greatest, exact) = (self.remote.size.greatest(), self.remote.size.exact());
        let mut have = self.len()?;
        if have > greatest {
            self.clear().map_err(Failure::Here)?;
            have = 0;
        }
        if exact == Some(have) {
            return Ok(());
        }
        let mut request = agent.get(url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| describe(&error))?;
        let number =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
        let status = response.status().as_u16();
        let range = number("content-range").and_then(|text| Range::parse(&text));
        let length = number("content-length").and_then(|text| text.parse::<u64>().ok());
        match status {
            200 => {
                if have > 0 {
                    self.clear().map_err(Failure::Here)?;
                    have = 0;
                }
            }
            206 if range.as_ref().is_some_and(|range| range.first == Some(have)) => {}
            206 => {
                self.clear().map_err(Failure::Here)?;
                return Err(Failure::Again("it sends another part than it was asked for".to_string()));
            }
            // nothing is behind what is here: it is whole, or of another version
            416 if have > 0 && range.as_ref().is_some_and(|range| range.total == Some(have)) => return Ok(()),
            416 if have > 0 => {
                self.clear().map_err(Failure::Here)?;
                return Err(Failure::Again("it refuses to continue".to_string()));
            }
            408 | 425 | 429 | 500..=599 => return Err(Failure::Again(format!("it answers {}", response.status()))),
            _ => return Err(Failure::Final(format!("it answers {}", response.status()))),
        }
        // what the server says is believed only where it is refused for it
        let stated = range.and_then(|range| range.total).or(length.and_then(|length| length.checked_add(have)));
        if let Some(stated) = stated.filter(|&stated| stated > greatest || exact.is_some_and(|exact| exact < stated)) {
            return Err(Failure::Final(format!("it announces {stated} bytes, and the file has {}", self.size())));
        }
        let total = exact.or(stated);
        self.receive(response.into_body().into_reader(), have, total)
    }

    /// Writes what comes behind what is there.
    fn receive(&mut self, mut reader: impl Read, mut have: u64, total: Option<u64>) -> Result<(), Failure> {
        let greatest = self.remote.size.greatest();
        let tell = |done| (self.fetch.progress)(&Progress { file: self.remote.name.clone(), done, total });
        self.here(|file| file.seek(SeekFrom::Start(have))).map_err(Failure::Here)?;
        tell(have);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Again(format!("it breaks off after {have} bytes ({error})"))),
            };
            have += read as u64;
            if have > greatest {
                self.clear().map_err(Failure::Here)?;
                return Err(Failure::Final(format!("it sends more than the {} that the file has", self.size())));
            }
            self.here(|file| file.write_all(&buffer[..read])).map_err(Failure::Here)?;
            tell(have);
        }
        match total {
            Some(total) if have < total => Err(Failure::Again(format!("it ends after {have} of {total} bytes"))),
            _ => Ok(()),
        }
    }

    fn size(&self) -> String {
        match self.remote.size.exact() {
            Some(size) => format!("{size}"),
            None => format!("at most {}", self.remote.size.greatest()),
        }
    }

    fn len(&mut self) -> Result<u64, Failure> {
        self.here(|file| file.metadata().map(|metadata| metadata.len())).map_err(Failure::Here)
    }

    fn clear(&mut self) -> Result<(), FetchError> {
        self.here(|file| file.set_len(0))
    }

    /// Does something with the file that is being received.
    fn here<T>(&self, with: impl FnOnce(&mut &File) -> std::io::Result<T>) -> Result<T, FetchError> {
        with(&mut &self.file).map_err(FetchError::io("write", &self.part))
    }
}

/// A client for one address. Proxies are those of the environment, except for this machine itself.
fn agent(fetch: &Fetch, url: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("dynvision/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .timeout_connect(Some(fetch.patience))
        .timeout_resolve(Some(fetch.patience))
        .timeout_recv_response(Some(fetch.patience))
        .timeout_per_read(Some(fetch.patience));
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let own = ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own));
    let config = if own { config.proxy(None) } else { config };
    config.build().into()
}

fn describe(error: &ureq::Error) -> Failure {
    use ureq::{Error, Timeout};
    let text = error.to_string();
    match error {
        Error::HostNotFound => Failure::Unreachable("the name is not found".to_string()),
        Error::ConnectionFailed | Error::ConnectProxyFailed(_) => Failure::Unreachable(text),
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => Failure::Unreachable(text),
        Error::Timeout(_) => Failure::Again("it is silent".to_string()),
        Error::Io(source) => {
            use std::io::ErrorKind as Kind;
            match source.kind() {
                Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                    Failure::Unreachable(text)
                }
                Kind::AddrNotAvailable | Kind::NotFound => Failure::Unreachable(text),
                _ if text.contains("lookup") => Failure::Unreachable(text),
                _ => Failure::Again(text),
            }
        }
        Error::Protocol(_) => Failure::Again(text),
        _ => Failure::Final(text),
    }
}

/// What a server says that it sends: `bytes first-last/total` or `bytes */total`.
struct Range {
    first: Option<u64>,
    total: Option<u64>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (part, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
        let first = part.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
        Some(Range { first, total: total.trim().parse().ok() })
    }
}
