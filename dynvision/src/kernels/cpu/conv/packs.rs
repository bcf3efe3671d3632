//! What is prepared from a weight once and read at every step.

use std::marker::PhantomData;

/// What the kernels prepare from one weight tensor the first time that they meet it: packed panels, transforms.
///
/// Keep one beside each weight for as long as the weight does not change (all steps of an unroll), and start with a new
/// one afterwards. Filling it is thread-safe.
///
/// ```
/// use dynvision::kernels::cpu::conv::Packs;
/// let packs = Packs::<f32>::default();
/// # let _ = packs;
/// ```
#[derive(Debug)]
pub struct Packs<E> {
    _of: PhantomData<E>,
}

impl<E> Default for Packs<E> {
    fn default() -> Self {
        Packs { _of: PhantomData }
    }
}
