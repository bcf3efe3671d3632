//! The elements of a CPU tensor, without a copy. This is the one `unsafe` place outside the kernels.
#![allow(unsafe_code)] // each block carries its argument

use dfdx::prelude::*;

/// The elements of a contiguous tensor. Every operation of this crate makes contiguous tensors, and calls
/// `try_contiguous` where an input may be a view.
///
/// ```
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let x = dev.tensor([[1.0f32, 2.0], [3.0, 4.0]]);
/// assert_eq!(dynvision::kernels::view(&x), [1.0, 2.0, 3.0, 4.0]);
/// ```
pub fn view<S: Shape, E: Unit>(t: &Tensor<S, E, Cpu>) -> &[E] {
    let len = t.shape().num_elements();
    if len == 0 {
        return &[];
    }
    // SAFETY: `Index` checks that the buffer has an element for index zero and gives a reference into the tensor's
    // buffer, a `Vec` that holds the `len` initialised elements of a contiguous tensor from there on. The slice borrows
    // `t`, and so neither moves nor changes the buffer while it lives.
    unsafe { std::slice::from_raw_parts(&t[S::Concrete::default()], len) }
}

/// The same for writing; copies the buffer first where another tensor shares it.
pub fn view_mut<S: Shape, E: Unit>(t: &mut Tensor<S, E, Cpu>) -> &mut [E] {
    let len = t.shape().num_elements();
    if len == 0 {
        return &mut [];
    }
    // SAFETY: as in `view`; `IndexMut` has made the buffer unique, and `t` is borrowed mutably as long as the slice.
    unsafe { std::slice::from_raw_parts_mut(&mut t[S::Concrete::default()], len) }
}
