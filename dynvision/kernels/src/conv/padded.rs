//! Planes with their border written out, so that no tap of any window falls outside.

use super::Scalar;
use super::shape::ConvShape;
use crate::geometry::Border;

/// How planes of the input are written with their border.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padded {
    padding: usize,
    border: Border,
    input: [usize; 2],
    /// Rows and columns with the border.
    pub dims: [usize; 2],
}

impl Padded {
    pub(super) fn new(shape: &ConvShape) -> Self {
        let padding = shape.window.padding;
        let dims = shape.input.map(|dim| dim + 2 * padding);
        Padded { padding, border: shape.border, input: shape.input, dims }
    }

    /// Values of one plane with its border.
    pub(super) fn len(&self) -> usize {
        self.dims[0] * self.dims[1]
    }

    /// Values of one plane without its border.
    pub(super) fn plain_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Writes the plane `x` with its border into `into`.
    pub(super) fn write<E: Scalar>(&self, x: &[E], into: &mut [E]) {
        let ([h, w], [_, pw], p) = (self.input, self.dims, self.padding);
        for (row, into) in into.chunks_exact_mut(pw).enumerate() {
            match self.source(row, h) {
                Some(from) => self.write_row(&x[from * w..][..w], into),
                None => into.fill(E::zero()),
            }
        }
        debug_assert_eq!(into.len(), (h + 2 * p) * pw);
    }

    fn write_row<E: Scalar>(&self, x: &[E], into: &mut [E]) {
        let (w, p) = (x.len(), self.padding);
        into[p..p + w].copy_from_slice(x);
        for column in (0..p).chain(p + w..into.len()) {
            into[column] = self.source(column, w).map_or(E::zero(), |from| x[from]);
        }
    }

    /// Adds to `gx` what belongs to it of the gradient of a plane with its border.
    pub(super) fn fold<E: Scalar>(&self, padded: &[E], gx: &mut [E]) {
        let ([h, w], [_, pw], p) = (self.input, self.dims, self.padding);
        for (row, padded) in padded.chunks_exact(pw).enumerate() {
            let Some(to) = self.source(row, h) else { continue };
            let gx = &mut gx[to * w..][..w];
            gx.iter_mut().zip(&padded[p..p + w]).for_each(|(gx, &g)| *gx += g);
            for column in (0..p).chain(p + w..pw) {
                if let Some(to) = self.source(column, w) {
                    gx[to] += padded[column];
                }
            }
        }
    }

    /// Which of `dim` rows or columns stands at `at` of those with border.
    fn source(&self, at: usize, dim: usize) -> Option<usize> {
        let p = self.padding;
        match self.border {
            _ if (p..p + dim).contains(&at) => Some(at - p),
            Border::Zero => None,
            Border::Reflect if at < p => Some(p - at),
            Border::Reflect => Some(2 * (dim - 1) - (at - p)),
        }
    }
}
