//! How work is split: by its size alone, never by the number of threads.
//!
//! The thread that calls a kernel works as well, and the others of rayon's current pool help it. A caller that is no
//! thread of the pool does not hand its work over and sleep, as rayon's own iterators let it: to wake two threads for
//! each kernel costs more than many kernels take.

use rayon::{current_num_threads, current_thread_index, in_place_scope};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::vec;

/// Elements of one task. Below this a second thread costs more than it brings.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Looks that a caller takes at its helpers before it goes to sleep until they are done.
const LOOKS: usize = 2000;

/// Calls `work(item)` for every item, on many threads if `threads`; else one after another.
///
/// Each thread begins with a part of its own, the same in every call, so that it mostly finds in its cache what it wrote
/// there in the kernel before; then it takes from the ends of the others' parts.
pub(crate) fn each<I>(items: I, threads: bool, work: impl Fn(I::Item) + Sync)
where
    I: ExactSizeIterator,
    I::Item: Send,
{
    let count = if threads { items.len().min(current_num_threads()) } else { 1 };
    if count < 2 {
        return items.for_each(work);
    }
    let parts = Parts::new(items, count);
    let helping = AtomicUsize::new(count - 1);
    in_place_scope(|scope| {
        for own in 1..count {
            let (parts, helping, work) = (&parts, &helping, &work);
            scope.spawn(move |_| {
                parts.each(own, work);
                helping.fetch_sub(1, Ordering::Release);
            });
        }
        parts.each(0, &work);
        if current_thread_index().is_none() {
            await_helpers(&helping);
        }
    });
}

/// Items in parts of about equal size, one for each thread.
struct Parts<T>(Vec<Mutex<vec::IntoIter<T>>>);

impl<T> Parts<T> {
    fn new(mut items: impl ExactSizeIterator<Item = T>, count: usize) -> Self {
        let len = items.len();
        let part = |i: usize| items.by_ref().take(len * (i + 1) / count - len * i / count).collect::<Vec<_>>();
        Parts((0..count).map(part).map(|part| Mutex::new(part.into_iter())).collect())
    }

    /// Works on all of the own part, then on what is left of the others'.
    fn each(&self, own: usize, work: &impl Fn(T)) {
        let part = |i: usize| self.0[i].lock().unwrap_or_else(PoisonError::into_inner);
        let mine = || part(own).next();
        while let Some(item) = mine() {
            work(item);
        }
        for other in (own + 1..self.0.len()).chain(0..own) {
            let theirs = || part(other).next_back();
            while let Some(item) = theirs() {
                work(item);
            }
        }
    }
}

/// Waits awake, for about as long as it takes to fall asleep and be woken.
fn await_helpers(helping: &AtomicUsize) {
    for look in 0..LOOKS {
        if helping.load(Ordering::Acquire) == 0 {
            return;
        }
        if look % 16 == 15 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// Returns `of(i)` for every `i` below `count`, in their order, made on many threads if `threads`.
///
/// ```
/// assert_eq!(dynvision_kernels::parallel::map(4, true, |i| i * i), [0, 1, 4, 9]);
/// ```
pub fn map<R: Send>(count: usize, threads: bool, of: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = (0..count).map(|_| None).collect();
    each(results.iter_mut().enumerate(), threads, |(i, result)| *result = Some(of(i)));
    results.into_iter().flatten().collect()
}

/// Calls `each(start, chunk)` for every chunk of `into`.
pub(crate) fn chunks<E: Send>(into: &mut [E], work: impl Fn(usize, &mut [E]) + Sync) {
    let threads = into.len() > CHUNK;
    each(into.chunks_mut(CHUNK).enumerate(), threads, |(i, chunk)| work(i * CHUNK, chunk));
}

/// Calls `each(start, chunk, chunk)` for every pair of chunks of two slices of one length.
pub(super) fn chunks_of_two<E: Send>(a: &mut [E], b: &mut [E], work: impl Fn(usize, &mut [E], &mut [E]) + Sync) {
    assert_eq!(a.len(), b.len(), "elementwise: lengths");
    let threads = a.len() > CHUNK;
    let pairs = a.chunks_mut(CHUNK).zip(b.chunks_mut(CHUNK)).enumerate();
    each(pairs, threads, |(i, (a, b))| work(i * CHUNK, a, b));
}

/// Planes of `len` elements that one task takes: at least one, and about a quarter of a chunk.
pub(super) fn run_of_planes(len: usize) -> usize {
    (CHUNK / 4 / len.max(1)).max(1)
}

/// Calls `each(first, planes)` for runs of planes of `len` elements.
pub(super) fn planes<E: Send>(into: &mut [E], len: usize, work: impl Fn(usize, &mut [E]) + Sync) {
    if len == 0 {
        return;
    }
    let run = run_of_planes(len);
    each(into.chunks_mut(run * len).enumerate(), true, |(i, planes)| work(i * run, planes));
}

/// The sum of `part(start, end)` over fixed ranges of `0..len`, added up in their order.
pub(super) fn sum(len: usize, part: impl Fn(usize, usize) -> f64 + Sync) -> f64 {
    map(len.div_ceil(CHUNK), true, |i| part(i * CHUNK, ((i + 1) * CHUNK).min(len))).iter().sum()
}

/// Calls `each(task)` for every task, on many threads if `threads`.
pub(super) fn tasks(count: usize, threads: bool, work: impl Fn(usize) + Sync) {
    each(0..count, threads, work);
}

/// Calls `each(part, values)` for every part of `len` values, of which the last may be shorter, on many threads if
/// `threads`.
pub(super) fn parts<E: Send>(into: &mut [E], len: usize, threads: bool, work: impl Fn(usize, &mut [E]) + Sync) {
    each(into.chunks_mut(len).enumerate(), threads, |(part, values)| work(part, values));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_item_is_met_once_inside_and_outside_of_a_pool() {
        let count = || {
            let met: Vec<_> = (0..1000).map(|_| AtomicUsize::new(0)).collect();
            each(met.iter(), true, |met| _ = met.fetch_add(1, Ordering::Relaxed));
            assert!(met.iter().all(|met| met.load(Ordering::Relaxed) == 1));
        };
        count();
        pool(1).install(count);
        pool(3).install(count);
        assert_eq!(map(5, true, |i| i * i), [0, 1, 4, 9, 16]);
        assert!(map(0, true, |i| i).is_empty());
    }

    #[test]
    fn as_many_threads_help_as_the_pool_has() {
        // three items that wait for each other are done by three threads or never
        let barrier = Barrier::new(3);
        let who = pool(3).install(|| {
            map(3, true, |_| {
                barrier.wait();
                std::thread::current().id()
            })
        });
        assert_eq!(who.into_iter().collect::<HashSet<_>>().len(), 3);
    }

    #[test]
    fn kernels_may_be_called_by_kernels_and_by_many_threads() {
        let nested = || map(20, true, |i| map(30, true, |j| i * j).iter().sum::<usize>()).iter().sum::<usize>();
        let all: usize = (0..20).map(|i| (0..30).map(|j| i * j).sum::<usize>()).sum();
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(nested)).collect();
            runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap(), all));
        });
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        for threads in [1, 3] {
            let run = || each(0..100, true, |i| assert_ne!(i, 50, "the fiftieth"));
            let caught = std::panic::catch_unwind(|| pool(threads).install(run));
            assert!(caught.is_err());
        }
    }
}
