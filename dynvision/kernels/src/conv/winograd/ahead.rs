//! Memory that will be read or written soon, asked for while products are made. A core asks by itself for what follows what it
//! reads, but what a block reads of a channel ends before that pays.

use crate::isa::prefetch;
use std::ops::Range;

/// Numbers of a line of the cache.
const LINE: usize = 16;

/// Runs of numbers that are asked for, line by line.
#[derive(Default)]
pub(super) struct Ahead {
    runs: Vec<(*const f32, usize)>,
    /// Lines that were not asked for yet.
    left: usize,
    /// The run and the number in it that come next.
    next: (usize, usize),
}

impl Ahead {
    /// Adds numbers `range` of `channels` channels that begin at `first`, `channel` numbers apart. Nothing is read, so they may lie
    /// anywhere.
    pub(super) fn push(&mut self, first: *const f32, channel: usize, channels: usize, range: Range<usize>) {
        if range.len() == channel {
            return self.run(first.wrapping_add(range.start), channels * channel);
        }
        for c in 0..channels {
            self.run(first.wrapping_add(c * channel + range.start), range.len());
        }
    }

    fn run(&mut self, first: *const f32, len: usize) {
        if len == 0 {
            return;
        }
        self.left += len.div_ceil(LINE);
        self.runs.push((first, len));
    }

    /// Lines to ask for at a time, so that all were asked for after so many times.
    pub(super) fn share(&self, times: usize) -> usize {
        self.left.div_ceil(times.max(1))
    }

    /// Asks for so many lines more.
    pub(super) fn ask(&mut self, mut lines: usize) {
        while lines > 0 {
            let (run, at) = self.next;
            let Some(&(first, len)) = self.runs.get(run) else { return };
            let some = lines.min((len - at).div_ceil(LINE));
            for line in 0..some {
                prefetch(first.wrapping_add(at + line * LINE));
            }
            (lines, self.left) = (lines - some, self.left - some);
            let at = at + some * LINE;
            self.next = if at < len { (run, at) } else { (run + 1, 0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_asked_for_in_as_many_times_as_there_are() {
        let mut ahead = Ahead::default();
        let values = [0.0f32; 400];
        ahead.push(values.as_ptr(), 100, 4, 10..61);
        assert_eq!((ahead.runs.len(), ahead.left, ahead.share(5)), (4, 16, 4));
        ahead.push(values.as_ptr(), 100, 4, 0..100);
        ahead.push(values.as_ptr(), 100, 4, 7..7);
        assert_eq!((ahead.runs.len(), ahead.left, ahead.share(0)), (5, 41, 41));
        let lines = ahead.share(6);
        for _ in 0..6 {
            assert!(ahead.left > 0);
            ahead.ask(lines);
        }
        assert_eq!((ahead.left, ahead.next), (0, (5, 0)));
        ahead.ask(3);
    }
}
