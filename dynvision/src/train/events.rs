//! TensorBoard's event files.
//!
//! A file is a row of records, each of them its length, the checksum of the length, the bytes, and their checksum
//! ([TFRecord](https://www.tensorflow.org/tutorials/load_data/tfrecord)). The bytes are an `Event` of
//! [`event.proto`](https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto), of which
//! only scalars are written, by the rules of
//! [protocol buffers](https://protobuf.dev/programming-guides/encoding/).

use super::{Epoch, Metrics, Step};
use crate::file::named;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// An event file that a training appends to.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// A new file in `folder`. What TensorBoard finds in older files there from the next update on is given up: a training
    /// that was killed does it again.
    pub(super) fn begin(folder: &Path, updates: u64) -> io::Result<Self> {
        let (seconds, process) = (now(), std::process::id());
        // TensorBoard reads the files of a folder in the order of their names
        let path = folder.join(format!("events.out.tfevents.{seconds:017.6}.{process}.dynvision"));
        let file =
            File::options().create_new(true).append(true).open(&path).map_err(|error| named("make", &path, error))?;
        let mut events = Events { path, file };
        events.write(&Event { step: 0, version: true, ..Default::default() })?;
        events.write(&Event { step: updates + 1, start: true, ..Default::default() })?;
        Ok(events)
    }

    /// Some updates.
    pub(super) fn step(&mut self, step: &Step) -> io::Result<()> {
        let mut scalars = rates(step.lr, &step.group_lr);
        scalars.push(("gradient_norm".into(), step.gradient_norm));
        scalars.push(("clipped".into(), step.clipped));
        scalars.extend(step.images_per_second.map(|rate| ("images_per_second".into(), rate)));
        scalars.extend(step.memory.map(|bytes| ("memory".into(), bytes as f64)));
        scalars.extend(step.train.iter().flat_map(|metrics| of_metrics("train", metrics)));
        self.write(&Event { step: step.update, scalars, ..Default::default() })
    }

    /// An epoch, at its last update.
    pub(super) fn epoch(&mut self, epoch: &Epoch) -> io::Result<()> {
        let mut scalars = vec![("epoch".to_string(), epoch.epoch as f64), ("epoch/seconds".into(), epoch.seconds)];
        scalars.extend(of_metrics("epoch/train", &epoch.train));
        scalars.extend(epoch.valid.iter().flat_map(|metrics| of_metrics("epoch/valid", metrics)));
        self.write(&Event { step: epoch.updates, scalars, ..Default::default() })
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.file.write_all(&record(&event.encoded(now()))).map_err(|error| named("write", &self.path, error))
    }
}

fn rates(lr: f64, groups: &BTreeMap<String, f64>) -> Vec<(String, f64)> {
    let groups = groups.iter().map(|(group, &lr)| (format!("lr/{group}"), lr));
    std::iter::once(("lr".to_string(), lr)).chain(groups).collect()
}

fn of_metrics(part: &str, metrics: &Metrics) -> Vec<(String, f64)> {
    metrics.named().into_iter().map(|(name, value)| (format!("{part}/{name}"), value)).collect()
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[derive(Debug, Default)]
struct Event {
    step: u64,
    version: bool,
    start: bool,
    scalars: Vec<(String, f64)>,
}

impl Event {
    fn encoded(&self, time: f64) -> Vec<u8> {
        let mut bytes = Vec::new();
        key(&mut bytes, 1, FIXED64);
        bytes.extend(time.to_le_bytes());
        if self.step > 0 {
            key(&mut bytes, 2, VARINT);
            varint(&mut bytes, self.step);
        }
        if self.version {
            block(&mut bytes, 3, b"brain.Event:2");
        }
        if !self.scalars.is_empty() {
            let mut summary = Vec::new();
            for (tag, value) in &self.scalars {
                let mut scalar = Vec::new();
                block(&mut scalar, 1, tag.as_bytes());
                key(&mut scalar, 2, FIXED32);
                scalar.extend((*value as f32).to_le_bytes());
                block(&mut summary, 1, &scalar);
            }
            block(&mut bytes, 5, &summary);
        }
        if self.start {
            // SessionLog { status: START }
            let mut session = Vec::new();
            key(&mut session, 1, VARINT);
            varint(&mut session, 1);
            block(&mut bytes, 7, &session);
        }
        bytes
    }
}

/// The wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BLOCK: u64 = 2;
const FIXED32: u64 = 5;

fn key(bytes: &mut Vec<u8>, field: u64, wire: u64) {
    varint(bytes, field << 3 | wire);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn block(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(bytes, field, BLOCK);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

fn record(content: &[u8]) -> Vec<u8> {
    let len = (content.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(content.len() + 16);
    bytes.extend(len);
    bytes.extend(masked(&len).to_le_bytes());
    bytes.extend(content);
    bytes.extend(masked(content).to_le_bytes());
    bytes
}

/// TFRecord's checksum: CRC-32C, turned by 15 bits, plus a constant.
fn masked(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    CRC.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    /// What the `tensorboard` package (2.21) writes for the same events by its `RecordWriter`.
    #[test]
    fn bytes_are_those_of_the_original_writer() {
        let hex =
            |event: Event| record(&event.encoded(1.5)).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let scalars = vec![("a".to_string(), 0.25), ("lr/bias".to_string(), -1e-3)];
        assert_eq!(
            hex(Event { step: 300, scalars, ..Default::default() }),
            "2800000000000000ff70164a09000000000000f83f10ac022a1a0a080a0161150000803e0a0e0a076c722f62696173156f1283ba262cd3fc"
        );
        assert_eq!(
            hex(Event { step: 301, start: true, ..Default::default() }),
            "100000000000000095fbfe1809000000000000f83f10ad023a020801d17949d4"
        );
        assert_eq!(
            hex(Event { version: true, ..Default::default() }),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
        );
    }
}
