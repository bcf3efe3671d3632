//! A block's shared memory, which notices two threads that use the same byte without a barrier between them.

/// Stands for more than one thread.
const MANY: u32 = u32::MAX;

/// Who used a byte since which barrier.
#[derive(Clone, Copy, Default)]
struct Uses {
    writer: u32,
    written: u32,
    reader: u32,
    read: u32,
}

pub(crate) struct Shared {
    data: Vec<u8>,
    known: Vec<bool>,
    uses: Vec<Uses>,
    /// Counts barriers, over all blocks.
    epoch: u32,
}

impl Shared {
    pub(crate) fn new(bytes: usize) -> Shared {
        Shared { data: vec![0; bytes], known: vec![false; bytes], uses: vec![Uses::default(); bytes], epoch: 1 }
    }

    /// Forgets all, for the next block.
    pub(crate) fn begin(&mut self) {
        self.known.fill(false);
        self.barrier();
    }

    /// All threads have met.
    pub(crate) fn barrier(&mut self) {
        if self.epoch == u32::MAX {
            self.uses.fill(Uses::default());
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    fn range(&self, offset: u64, size: usize) -> Result<std::ops::Range<usize>, String> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(size)?)).filter(|r| r.end <= self.data.len());
        range.ok_or_else(|| format!("byte {offset} of shared memory, of which the block has {}", self.data.len()))
    }

    fn known(&self, range: std::ops::Range<usize>) -> Result<(), String> {
        if self.known[range.clone()].iter().all(|&k| k) {
            return Ok(());
        }
        Err(format!("byte {} of shared memory, which nothing has written", range.start))
    }

    pub(crate) fn read(&mut self, offset: u64, size: usize, thread: u32) -> Result<u64, String> {
        let range = self.range(offset, size)?;
        self.known(range.clone())?;
        for uses in &mut self.uses[range.clone()] {
            if uses.written == self.epoch && uses.writer != thread {
                return Err(format!(
                    "byte {offset} of shared memory, which thread {} of the block writes with no barrier between",
                    uses.writer
                ));
            }
            uses.reader = if uses.read == self.epoch && uses.reader != thread { MANY } else { thread };
            uses.read = self.epoch;
        }
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.data[range]);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn write(&mut self, offset: u64, size: usize, value: u64, thread: u32) -> Result<(), String> {
        let range = self.range(offset, size)?;
        for uses in &mut self.uses[range.clone()] {
            let also = |other: u32, does: &str| {
                let who = if other == MANY { "others".into() } else { format!("thread {other}") };
                Err(format!("byte {offset} of shared memory, which {who} of the block {does} with no barrier between"))
            };
            if uses.written == self.epoch && uses.writer != thread {
                return also(uses.writer, "writes");
            }
            if uses.read == self.epoch && uses.reader != thread {
                return also(uses.reader, "reads");
            }
            uses.writer = thread;
            uses.written = self.epoch;
        }
        self.known[range.clone()].fill(true);
        self.data[range].copy_from_slice(&value.to_le_bytes()[..size]);
        Ok(())
    }

    /// Replaces a value by what `f` makes of it. Such updates need no barrier between each other.
    pub(crate) fn update(&mut self, offset: u64, size: usize, f: impl FnOnce(u64) -> u64) -> Result<u64, String> {
        let range = self.range(offset, size)?;
        self.known(range.clone())?;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.data[range.clone()]);
        let old = u64::from_le_bytes(bytes);
        self.data[range].copy_from_slice(&f(old).to_le_bytes()[..size]);
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn races_are_seen_and_barriers_end_them() {
        let mut shared = Shared::new(16);
        assert!(shared.read(0, 4, 0).is_err_and(|e| e.contains("nothing has written")));
        assert!(shared.write(0, 4, 7, 1).is_ok() && shared.read(0, 4, 1) == Ok(7));
        assert!(shared.read(0, 4, 2).is_err_and(|e| e.contains("thread 1")));
        shared.barrier();
        assert!(shared.read(0, 4, 2) == Ok(7) && shared.read(0, 4, 3) == Ok(7));
        assert!(shared.write(0, 4, 8, 2).is_err_and(|e| e.contains("others")));
        shared.barrier();
        assert!(shared.write(0, 4, 8, 2).is_ok() && shared.write(3, 1, 8, 4).is_err_and(|e| e.contains("thread 2")));
        assert!(shared.update(0, 4, |x| x + 1) == Ok(8));
        assert!(shared.write(14, 4, 0, 0).is_err_and(|e| e.contains("has 16")));
        shared.begin();
        assert!(shared.read(0, 4, 2).is_err());
    }
}
