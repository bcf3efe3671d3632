//! How elementwise work is split: by its length alone, never by the number of threads.

use rayon::prelude::*;

/// Elements of one task. Below this a second thread costs more than it brings.
pub(super) const CHUNK: usize = 64 * 1024;

/// Calls `each(start, chunk)` for every chunk of `into`.
pub(super) fn chunks<E: Send>(into: &mut [E], each: impl Fn(usize, &mut [E]) + Sync) {
    if into.len() <= CHUNK {
        each(0, into);
    } else {
        into.par_chunks_mut(CHUNK).enumerate().for_each(|(i, chunk)| each(i * CHUNK, chunk));
    }
}

/// Calls `each(start, chunk, chunk)` for every pair of chunks of two slices of one length.
pub(super) fn chunks_of_two<E: Send>(a: &mut [E], b: &mut [E], each: impl Fn(usize, &mut [E], &mut [E]) + Sync) {
    assert_eq!(a.len(), b.len(), "elementwise: lengths");
    if a.len() <= CHUNK {
        each(0, a, b);
    } else {
        let pairs = a.par_chunks_mut(CHUNK).zip(b.par_chunks_mut(CHUNK)).enumerate();
        pairs.for_each(|(i, (a, b))| each(i * CHUNK, a, b));
    }
}

/// Calls `each(first, planes)` for runs of planes of `len` elements, at least one plane and about a chunk in each run.
pub(super) fn planes<E: Send>(into: &mut [E], len: usize, each: impl Fn(usize, &mut [E]) + Sync) {
    if len == 0 {
        return;
    }
    let run = (CHUNK / 4 / len).max(1);
    if into.len() <= run * len {
        each(0, into);
    } else {
        into.par_chunks_mut(run * len).enumerate().for_each(|(i, planes)| each(i * run, planes));
    }
}

/// The sum of `part(start, end)` over fixed ranges of `0..len`, added up in their order.
pub(super) fn sum(len: usize, part: impl Fn(usize, usize) -> f64 + Sync) -> f64 {
    if len <= CHUNK {
        return part(0, len);
    }
    let starts = (0..len.div_ceil(CHUNK)).into_par_iter();
    let parts: Vec<f64> = starts.map(|i| part(i * CHUNK, ((i + 1) * CHUNK).min(len))).collect();
    parts.iter().sum()
}

/// Calls `each(task)` for every task, on many threads if `threads`.
pub(super) fn tasks(count: usize, threads: bool, each: impl Fn(usize) + Sync) {
    if threads && count > 1 {
        (0..count).into_par_iter().with_max_len(1).for_each(&each);
    } else {
        (0..count).for_each(&each);
    }
}

/// Calls `each(row, values)` for every row of `len` values, on many threads if `threads`.
pub(super) fn rows<E: Send>(into: &mut [E], len: usize, threads: bool, each: impl Fn(usize, &mut [E]) + Sync) {
    if threads {
        into.par_chunks_exact_mut(len).enumerate().for_each(|(row, values)| each(row, values));
    } else {
        into.chunks_exact_mut(len).enumerate().for_each(|(row, values)| each(row, values));
    }
}

/// Calls `each(part, values)` for every part of `len` values, of which the last may be shorter, on many threads if
/// `threads`.
pub(super) fn parts<E: Send>(into: &mut [E], len: usize, threads: bool, each: impl Fn(usize, &mut [E]) + Sync) {
    if threads {
        into.par_chunks_mut(len).enumerate().for_each(|(part, values)| each(part, values));
    } else {
        into.chunks_mut(len).enumerate().for_each(|(part, values)| each(part, values));
    }
}
