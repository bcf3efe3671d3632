//! Buffers that outlive a kernel and are needed again in the next unroll: packed weights, sums. The system takes large ones
//! back as soon as they are dropped, and the next have to be cleared page by page.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that are kept at most: as many as a large model has in one unroll.
const MOST: usize = 256;

/// A type of numbers whose buffers are kept.
pub(crate) trait Recycle: Copy + Default + Send + Sync + 'static {
    /// Buffers that nobody uses.
    fn free() -> &'static Mutex<Vec<Vec<Self>>>;
}

macro_rules! recycle {
    ($($of:ty),*) => {$(
        impl Recycle for $of {
            fn free() -> &'static Mutex<Vec<Vec<$of>>> {
                static FREE: Mutex<Vec<Vec<$of>>> = Mutex::new(Vec::new());
                &FREE
            }
        }
    )*};
}
recycle!(f32, u8, u32);

/// A buffer that is kept for others when it is dropped.
#[derive(Debug)]
pub(crate) struct Recycled<E: Recycle>(Vec<E>);

impl<E: Recycle> Recycled<E> {
    /// `len` numbers, whatever an earlier user left in them.
    pub(crate) fn new(len: usize) -> Self {
        let mut free = E::free().lock().unwrap_or_else(PoisonError::into_inner);
        // the smallest that is large enough, unless it is much too large
        let fits = |(_, buffer): &(usize, &Vec<E>)| (len..=2 * len).contains(&buffer.capacity());
        let best = free.iter().enumerate().filter(fits).min_by_key(|(_, buffer)| buffer.capacity());
        let mut buffer = best.map(|(i, _)| i).map(|i| free.swap_remove(i)).unwrap_or_default();
        drop(free);
        buffer.resize(len, E::default());
        Recycled(buffer)
    }
}

impl<E: Recycle> Deref for Recycled<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        &self.0
    }
}

impl<E: Recycle> DerefMut for Recycled<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.0
    }
}

impl<E: Recycle> Drop for Recycled<E> {
    fn drop(&mut self) {
        let mut free = E::free().lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() == MOST {
            free.remove(0);
        }
        free.push(mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_for_a_length_that_it_fits() {
        const LEN: usize = 12_345; // of no other test
        let mut first = Recycled::<u32>::new(LEN);
        first.fill(7);
        let at = first.as_ptr();
        drop(first);
        let shorter = Recycled::<u32>::new(LEN - 5);
        assert_eq!((shorter.as_ptr(), shorter.len()), (at, LEN - 5));
        let other = Recycled::<u32>::new(LEN);
        assert_ne!(other.as_ptr(), at, "one buffer has one user");
        drop(shorter);
        let again = Recycled::<u32>::new(LEN);
        assert!(again.as_ptr() == at && again[..LEN - 5].iter().all(|&v| v == 7));
    }
}
