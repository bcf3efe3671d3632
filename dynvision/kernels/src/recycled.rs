//! Buffers that outlive a kernel and are needed again in the next unroll: packed weights, sums. The system takes large ones
//! back as soon as they are dropped, and the next have to be cleared page by page.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Buffers that are kept at most: as many as a large model has in one unroll.
const MOST: usize = 256;

/// Buffers that nobody uses.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer that is kept for others when it is dropped.
#[derive(Debug)]
pub(crate) struct Recycled(Vec<f32>);

impl Recycled {
    /// `len` numbers, whatever an earlier user left in them.
    pub(crate) fn new(len: usize) -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // the smallest that is large enough, unless it is much too large
        let fits = |(_, buffer): &(usize, &Vec<f32>)| (len..=2 * len).contains(&buffer.capacity());
        let best = free.iter().enumerate().filter(fits).min_by_key(|(_, buffer)| buffer.capacity());
        let mut buffer = best.map(|(i, _)| i).map(|i| free.swap_remove(i)).unwrap_or_default();
        drop(free);
        buffer.resize(len, 0.0);
        Recycled(buffer)
    }
}

impl Deref for Recycled {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Recycled {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut first = Recycled::new(LEN);
        first.fill(7.0);
        let at = first.as_ptr();
        drop(first);
        let shorter = Recycled::new(LEN - 5);
        assert_eq!((shorter.as_ptr(), shorter.len()), (at, LEN - 5));
        let other = Recycled::new(LEN);
        assert_ne!(other.as_ptr(), at, "one buffer has one user");
        drop(shorter);
        let again = Recycled::new(LEN);
        assert!(again.as_ptr() == at && again[..LEN - 5].iter().all(|&v| v == 7.0));
    }
}
