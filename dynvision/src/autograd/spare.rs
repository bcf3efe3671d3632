//! Maps whose values nobody needs any more.
//!
//! A result that takes their place has their identity. So they are maps of this graph that nobody else holds, and of which nothing
//! is kept under their identity.

use crate::kernels::{Element, Maps, Sizes, VisionDevice};
use dfdx::prelude::{HasShape as _, UniqueId};
use std::collections::HashMap;

/// Maps whose place later results may take: memory that is new to a device is filled with zeros first.
pub(super) struct Spare<E: Element, D: VisionDevice<E>> {
    by_sizes: HashMap<Sizes, Vec<Maps<E, D>>>,
    /// The first map that was made here: those of before have smaller identities.
    first: Option<UniqueId>,
}

/// Most maps of one size that are held. An area gives up two before it makes as many.
const MOST: usize = 2;

impl<E: Element, D: VisionDevice<E>> Default for Spare<E, D> {
    fn default() -> Self {
        Spare { by_sizes: HashMap::new(), first: None }
    }
}

impl<E: Element, D: VisionDevice<E>> Spare<E, D> {
    /// Says that a result has this identity.
    pub(super) fn made(&mut self, id: UniqueId) {
        self.first.get_or_insert(id);
    }

    /// Takes up maps, if they were made here.
    pub(super) fn put(&mut self, id: UniqueId, maps: Maps<E, D>) {
        let spare = self.by_sizes.entry(*maps.shape()).or_default();
        if self.first.is_some_and(|first| first <= id) && spare.len() < MOST {
            spare.push(maps);
        }
    }

    pub(super) fn take(&mut self, sizes: &Sizes) -> Option<Maps<E, D>> {
        self.by_sizes.get_mut(sizes)?.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::id;
    use dfdx::prelude::{Cpu, ZerosTensor};

    #[test]
    fn what_is_spare_was_made_here_and_is_taken_once_and_does_not_pile_up() {
        let dev = Cpu::default();
        let mut spare: Spare<f32, Cpu> = Spare::default();
        let maps = || -> Maps<f32, Cpu> { dev.zeros_like(&(1, 2, 3, 4)) };
        let (before, made) = (maps(), maps());
        spare.put(id(&made), made.clone());
        assert!(spare.take(&(1, 2, 3, 4)).is_none(), "nothing was made here yet");
        spare.made(id(&made));
        spare.put(id(&before), before);
        assert!(spare.take(&(1, 2, 3, 4)).is_none(), "made elsewhere");
        spare.put(id(&made), made);
        (0..3 * MOST).map(|_| maps()).for_each(|maps| spare.put(id(&maps), maps));
        assert!(spare.take(&(1, 2, 4, 3)).is_none());
        assert_eq!((0..3 * MOST).filter(|_| spare.take(&(1, 2, 3, 4)).is_some()).count(), MOST);
    }
}
