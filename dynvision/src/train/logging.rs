//! What a training writes while it runs.

use super::csv::Columns;
use super::events::Events;
use super::journal::{Journal, Line, Position};
use super::pace::Pace;
use super::window::{Window, memory, rate};
use super::{Epoch, Step, TrainError, Trainer, folder, journal};
use crate::file::{FolderLock, StateNumber, named};
use crate::interop::atomic;
use crate::kernels::{Element, VisionDevice};
use crate::loss::{Loss, Target};
use crate::model::DynModel;
use crate::optim::{ParameterKernel, UpdateRule};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The log of a training.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The journal that the last checkpoint was written beside, and up to where it counts on it.
    pub(super) from: Option<(PathBuf, Position)>,
    /// The journal, while the training runs.
    journal: Option<Journal>,
    table: Option<Table>,
    events: Option<Events>,
    pub(super) window: Window,
    pub(super) pace: Pace,
}

/// The table of the epochs. It is made anew of the history whenever a training is taken up.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    file: File,
    columns: Option<Columns>,
}

impl Table {
    fn begin(folder: &Path, epochs: &[Epoch]) -> std::io::Result<Self> {
        let path = folder.join("metrics.csv");
        let columns = (!epochs.is_empty()).then(|| Columns::of(epochs));
        atomic::write(&path, |file| {
            let Some(columns) = &columns else { return Ok(()) };
            file.write_all(columns.header().as_bytes())?;
            epochs.iter().try_for_each(|epoch| file.write_all(columns.row(epoch).as_bytes()))
        })?;
        let file = File::options().append(true).open(&path).map_err(|error| named("open", &path, error))?;
        Ok(Table { path, file, columns })
    }

    fn append(&mut self, epoch: &Epoch) -> std::io::Result<()> {
        let mut text = String::new();
        let columns = self.columns.get_or_insert_with(|| {
            let columns = Columns::of(std::slice::from_ref(epoch));
            text = columns.header();
            columns
        });
        text += &columns.row(epoch);
        self.file.write_all(text.as_bytes()).map_err(|error| named("write", &self.path, error))
    }
}

impl Log {
    /// Where the journal stands, once all of it is on the disk.
    pub(super) fn position(&self) -> Result<Position, TrainError> {
        match (&self.journal, &self.from) {
            (Some(journal), _) => journal.sync(),
            (None, Some((_, position))) => Ok(position.clone()),
            (None, None) => Ok(Position::default()),
        }
    }

    /// Ends it, so that it can be taken up again.
    pub(super) fn close(&mut self) {
        if let Some(journal) = self.journal.take() {
            self.from = Some((journal.path().to_path_buf(), journal.position()));
        }
        (self.table, self.events) = (None, None);
    }
}

impl<M, E, D, L, R, Y> Trainer<M, E, D, L, R, Y>
where
    M: DynModel<E, D>,
    E: Element + StateNumber,
    D: VisionDevice<E> + ParameterKernel<E>,
    L: Loss<M, E, D, Y>,
    R: UpdateRule,
    Y: Target,
{
    /// Takes the folder of the checkpoints, if there are some, and opens the log there.
    pub(super) fn open_log(&mut self) -> Result<Option<FolderLock>, TrainError> {
        let Some(checkpoints) = &self.config.checkpoints else { return Ok(None) };
        let folder = checkpoints.folder.clone();
        let lock = folder::take(&folder)?;
        self.log.pace = Pace::default();
        // a `last.safetensors` that is there counts on the journal that is there: where this training's beginning fits both
        // that journal and its own, it takes the place of the other before, and else at once after
        let stale = folder.join("last.safetensors").exists();
        let from = self.log.from.clone();
        let fits_both = match &from {
            Some((from, position)) => {
                journal::verify(from, position)?;
                journal::same_file(from, &folder.join(journal::NAME))
            }
            None => self.history.epochs.is_empty(),
        };
        if stale && fits_both {
            self.write_last()?;
        }
        self.log.journal = Some(match &from {
            Some((from, position)) => Journal::go_on(&folder, from, position)?,
            None => Journal::begin(&folder, &self.history)?,
        });
        if stale && !fits_both {
            self.write_last()?;
        }
        let failed = |source| TrainError::Folder { folder: folder.clone(), source };
        self.log.table = Some(Table::begin(&folder, &self.history.epochs).map_err(failed)?);
        if self.config.logs.tensorboard {
            self.log.events = Some(Events::begin(&folder, self.updates).map_err(failed)?);
        }
        Ok(Some(lock))
    }

    /// The learning rates of the groups that have their own.
    pub(super) fn group_lr(&self) -> BTreeMap<String, f64> {
        let groups = self.optim.groups().iter().filter(|group| group.lr.is_some() || group.frozen.is_some());
        let rate = |frozen: Option<bool>, lr: Option<f64>| match frozen {
            Some(true) => 0.0,
            _ => self.optim.lr() * lr.unwrap_or(1.0),
        };
        groups.map(|group| (group.pattern.clone(), rate(group.frozen, group.lr))).collect()
    }

    /// Writes a line about the last updates, if one is due.
    pub(super) fn log_update(&mut self, epoch: usize) -> Result<(), TrainError> {
        if self.config.logs.every == 0 || !self.updates.is_multiple_of(self.config.logs.every) {
            return Ok(());
        }
        let window = std::mem::take(&mut self.log.window);
        self.log.window.start();
        if self.log.journal.is_none() {
            return Ok(());
        }
        let (of, images_per_second) = (window.updates.max(1) as f64, window.images_per_second());
        let mut train = window.meter.metrics().ok();
        if let Some(metrics) = &mut train {
            metrics.in_time.clear();
        }
        let step = Step {
            update: self.updates,
            epoch,
            lr: self.optim.lr(),
            group_lr: self.group_lr(),
            gradient_norm: window.norm / of,
            clipped: window.clipped as f64 / of,
            images_per_second,
            memory: memory(),
            train,
        };
        if let Some(events) = &mut self.log.events {
            events.step(&step).map_err(|source| self.log_failed(source))?;
        }
        match &mut self.log.journal {
            Some(journal) => journal.append(&Line::Step(step)),
            None => Ok(()),
        }
    }

    /// Writes a line about the last epoch.
    pub(super) fn log_epoch(&mut self) -> Result<(), TrainError> {
        let Some(epoch) = self.history.last() else { return Ok(()) };
        let table = self.log.table.as_mut().map_or(Ok(()), |table| table.append(epoch));
        let events = self.log.events.as_mut().map_or(Ok(()), |events| events.epoch(epoch));
        if let Err(source) = table.and(events) {
            return Err(self.log_failed(source));
        }
        let line = Line::Epoch(epoch.clone());
        self.log.journal.as_mut().map_or(Ok(()), |journal| journal.append(&line))
    }

    fn log_failed(&self, source: std::io::Error) -> TrainError {
        let folder = self.config.checkpoints.as_ref().map(|checkpoints| checkpoints.folder.clone());
        TrainError::Folder { folder: folder.unwrap_or_default(), source }
    }

    /// What an epoch says of the machine.
    pub(super) fn machine(images: usize, seconds: f64) -> (Option<f64>, Option<u64>) {
        (rate(images, seconds), memory())
    }
}
