//! Global average pooling and a linear map.

use super::conv::{ConvOptions, Plain};
use super::init::TruncatedNormal;
use super::{Features, Readout, Signal, built};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use dfdx::prelude::{Const, Dim, Tape, Tensor};
use std::marker::PhantomData;

/// The mean of each of `F` channels, then a linear map to `N` classes. `C` are the options of the linear map: for a
/// normalised weight as in CordsNet, `WeightNorm<Plain<TruncatedNormal<4>>>`.
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classifier<const F: usize, const N: usize, C = Plain<TruncatedNormal<4>>>(PhantomData<C>);
crate::spec!(impl [const F: usize, const N: usize, C: ConvOptions]
    Classifier<F, N, C> => built::Linear<F, N, C, E, D>);

#[diagnostic::do_not_recommend]
impl<const F: usize, const N: usize, O: ConvOptions> Readout for Classifier<F, N, O> {
    const FEATURES: Features = Features::Channels(F);
    type Classes = Const<N>;

    fn read<B: Dim, C: Dim, H: Dim, W: Dim, E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Signal<(B, C, H, W), E, D>,
        batch: B,
        cx: &mut Cx<T>,
    ) -> Result<Tensor<(B, Const<N>), E, D>> {
        match x {
            Some(x) => built.apply(ops::global_avg_pool(&x, cx)?, cx),
            None => built.weight.device().try_zeros_like(&(batch, Const)).map_err(Error::device),
        }
    }
}
