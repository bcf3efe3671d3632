//! Maps whose values nobody needs any more.

use crate::kernels::{Element, Maps, Sizes, VisionDevice};
use std::collections::HashMap;

/// Maps whose place later results may take, by their sizes: memory that is new to a device is filled with zeros first.
pub(super) struct Spare<E: Element, D: VisionDevice<E>>(HashMap<Sizes, Vec<Maps<E, D>>>);

/// So many of one size are held: what one area gives up before it makes as many, and an unroll does not pile them up.
const MOST: usize = 2;

impl<E: Element, D: VisionDevice<E>> Default for Spare<E, D> {
    fn default() -> Self {
        Spare(HashMap::new())
    }
}

impl<E: Element, D: VisionDevice<E>> Spare<E, D> {
    pub(super) fn put(&mut self, maps: Maps<E, D>) {
        let spare = self.0.entry(*dfdx::prelude::HasShape::shape(&maps)).or_default();
        if spare.len() < MOST {
            spare.push(maps);
        }
    }

    pub(super) fn take(&mut self, sizes: &Sizes) -> Option<Maps<E, D>> {
        self.0.get_mut(sizes)?.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::{Cpu, ZerosTensor};

    #[test]
    fn what_is_spare_is_taken_once_and_does_not_pile_up() {
        let dev = Cpu::default();
        let mut spare: Spare<f32, Cpu> = Spare::default();
        assert!(spare.take(&(1, 2, 3, 4)).is_none());
        (0..3 * MOST).for_each(|_| spare.put(dev.zeros_like(&(1, 2, 3, 4))));
        assert!(spare.take(&(1, 2, 4, 3)).is_none());
        assert_eq!((0..3 * MOST).filter(|_| spare.take(&(1, 2, 3, 4)).is_some()).count(), MOST);
    }
}
