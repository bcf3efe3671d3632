//! Where numbers come from.

use super::Run;
use super::place::wiring_hash;
use crate::lab_error::LabError;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What made a run, besides its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of the laboratory.
    pub version: String,
    /// The commit that it was built from; none where it was not built from a checkout.
    pub commit: Option<String>,
    /// The compiler.
    pub toolchain: String,
    /// The machine: its name, processor and number of cores.
    pub machine: Machine,
    /// The command that began the run.
    pub command: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// The checksum of all that determines what is computed.
    pub hash: String,
    /// The checksum of the model's areas and links.
    pub wiring: String,
    /// The checksums of the images.
    pub data: String,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its system.
    pub system: String,
    /// Its processor.
    pub processor: String,
    /// How many threads it runs at once.
    pub threads: usize,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        Machine {
            name: read("/proc/sys/kernel/hostname").trim().into(),
            system: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()).trim().into(),
            processor: model.trim_start_matches([' ', '\t', ':']).trim().into(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Provenance {
    pub(super) fn of(run: &Run<'_>) -> Result<Self, LabError> {
        Ok(Provenance {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: Some(env!("DYNVISION_COMMIT")).filter(|commit| !commit.is_empty()).map(String::from),
            toolchain: env!("DYNVISION_BUILT_BY").into(),
            machine: Machine::here(),
            command: command(),
            seed: run.config.settings.seed.0,
            hash: run.hash().into(),
            wiring: wiring_hash(run.entry()?),
            data: run.parts()?.checksum.clone(),
        })
    }
}

fn command() -> Vec<String> {
    std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// A command that worked on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// What it did.
    pub what: String,
    /// The command.
    pub command: Vec<String>,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The most memory that the process held, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// Why it did not come to its end.
    pub failed: Option<String>,
}

/// The most memory that this process has held, in bytes.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// The memory of the machine in bytes, where it says so.
pub(super) fn machine_memory() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb * 1024.0)
}

/// Does something with a run, and notes it.
pub(super) fn noted<T>(folder: &Path, what: &str, work: impl FnOnce() -> Result<T, LabError>) -> Result<T, LabError> {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let start = Instant::now();
    let done = work();
    let session = Session {
        what: what.into(),
        command: command(),
        began,
        seconds: start.elapsed().as_secs_f64(),
        peak_memory: peak_memory(),
        failed: done.as_ref().err().map(ToString::to_string),
    };
    if let Ok(line) = serde_json::to_string(&session) {
        // one write, so that lines of several processes do not mix; what cannot be noted does not undo what was done
        let path = folder.join("sessions.jsonl");
        let file = std::fs::File::options().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all((line + "\n").as_bytes()));
    }
    done
}

/// The commands that worked on the run in a folder.
pub(super) fn sessions(folder: &Path) -> Vec<Session> {
    let text = std::fs::read_to_string(folder.join("sessions.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
