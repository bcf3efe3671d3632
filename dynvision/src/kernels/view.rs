//! The elements of a CPU tensor, without a copy. Beside the launches of kernels on CUDA, this is the one `unsafe`
//! place of this crate.
#![allow(unsafe_code)] // each block carries its argument

use dfdx::prelude::*;

/// Returns the elements of a tensor in their order, or nothing where they do not lie in this order in one piece: where the
/// tensor is broadcast or permuted. `try_contiguous` makes such a tensor one that has them.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::kernels::view;
/// let dev = Cpu::default();
/// let x = dev.tensor([[1.0f32, 2.0], [3.0, 4.0]]);
/// assert_eq!(view(&x).unwrap(), [1.0, 2.0, 3.0, 4.0]);
/// assert!(view(&x.permute::<Rank2<2, 2>, _>()).is_none());
/// ```
pub fn view<S: Shape, E: Unit>(t: &Tensor<S, E, Cpu>) -> Option<&[E]> {
    let Some((len, first)) = in_one_piece(t)? else { return Some(&[]) };
    // SAFETY: `in_one_piece` has seen, through dfdx's checked `Index`, that element `i` in the order of the shape is element
    // `i` of the tensor's buffer from the first on, up to the last, `len - 1`: the buffer, a `Vec`, has `len` initialised
    // elements there. The slice borrows `t`, and so neither moves nor changes the buffer while it lives.
    Some(unsafe { std::slice::from_raw_parts(&t[first], len) })
}

/// [`view`] for writing; copies the buffer first where another tensor shares it.
pub fn view_mut<S: Shape, E: Unit>(t: &mut Tensor<S, E, Cpu>) -> Option<&mut [E]> {
    let Some((len, first)) = in_one_piece(t)? else { return Some(&mut []) };
    // SAFETY: as in `view`; `IndexMut` has made the buffer unique, with the same elements, and `t` is borrowed mutably as long
    // as the slice.
    Some(unsafe { std::slice::from_raw_parts_mut(&mut t[first], len) })
}

/// The number of elements and the index of the first, if the elements lie in the order of the shape in one piece. `Some(None)`
/// where there are none.
///
/// Strides are not public, but an element's address is: each axis is as far from one index to the next as the axes behind it
/// are long. Since a stride is one number for the whole axis, the first and the second index of each tell all.
#[allow(clippy::type_complexity, reason = "nothing, no elements, or elements")]
fn in_one_piece<S: Shape, E: Unit>(t: &Tensor<S, E, Cpu>) -> Option<Option<(usize, S::Concrete)>> {
    let sizes: Vec<usize> = t.shape().concrete().into_iter().collect();
    let len = sizes.iter().try_fold(1usize, |len, &size| len.checked_mul(size))?;
    let first = S::Concrete::default();
    if len == 0 {
        return Some(None);
    }
    let start = std::ptr::from_ref(&t[first]).addr();
    let mut behind = 1;
    for (axis, &size) in sizes.iter().enumerate().rev() {
        if size > 1 {
            let mut next = S::Concrete::default();
            next[axis] = 1;
            let distance = std::ptr::from_ref(&t[next]).addr().checked_sub(start)?;
            if distance != behind * size_of::<E>() {
                return None;
            }
        }
        behind *= size;
    }
    let mut last = S::Concrete::default();
    sizes.iter().enumerate().for_each(|(axis, size)| last[axis] = size - 1);
    // in the buffer by the check of `Index`, and by the strides at its end
    (std::ptr::from_ref(&t[last]).addr() - start == (len - 1) * size_of::<E>()).then_some(Some((len, first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_one_piece_is_seen() {
        let dev = Cpu::default();
        let x: Tensor<(usize, usize, usize), f64, _> = dev.tensor_from_vec((0..24).map(f64::from).collect(), (2, 3, 4));
        assert_eq!(view(&x), Some(&x.as_vec()[..]));
        assert_eq!(view(&x.clone().permute::<_, Axes3<0, 2, 1>>()), None);
        assert_eq!(view(&x.clone().permute::<_, Axes3<1, 0, 2>>()), None);
        let one: Tensor<Rank1<1>, f32, _> = dev.tensor([7.0]);
        let many: Tensor<(usize, Const<1>), f32, _> = one.clone().broadcast_like(&(1000, Const));
        assert_eq!(view(&many), None);
        assert_eq!(view_mut(&mut many.clone()), None);
        assert_eq!(view(&many.contiguous()), Some(&[7.0; 1000][..]));
        let single: Tensor<(usize, Const<1>), f32, _> = one.broadcast_like(&(1, Const));
        assert_eq!(view(&single), Some(&[7.0][..]));
        let none: Tensor<(usize, usize), f32, _> = dev.zeros_like(&(0, 5));
        assert_eq!(view(&none), Some(&[][..]));
        let scalar: Tensor<Rank0, f32, _> = dev.tensor(3.0);
        assert_eq!(view(&scalar), Some(&[3.0][..]));
        let mut shared = x.clone();
        view_mut(&mut shared).into_iter().flatten().for_each(|x| *x += 1.0);
        assert_eq!((x.as_vec()[5], shared.as_vec()[5]), (5.0, 6.0), "who shares the buffer keeps it");
    }
}
