//! Global average pooling and a linear map.

use super::conv_options::{ConvOptions, DefaultOptions};
use super::init::TruncatedNormal;
use super::{Readout, built};
use crate::error::Result;
use crate::geometry::Features;
use crate::kernels::{Element, Maps, Matrix, VisionDevice};
use crate::ops;
use crate::unroll::Context;
use dfdx::prelude::{Const, Tape};
use std::marker::PhantomData;

/// The mean of each of `F` channels, then a linear map to `N` classes, `W mean(x) + b`. `C` are the options of the linear
/// map: for a normalised weight as in CordsNet, `WeightNorm<DefaultOptions<TruncatedNormal<4>>>`.
///
/// # Shapes
/// `(B, F, H, W)` to `(B, N)`.
///
/// ```
/// use dynvision::{nn::{Classifier, Readout, Spec}, ops, time::Plan, unroll::Context};
/// use dfdx::prelude::*;
/// let dev = Cpu::default();
/// let mut head: <Classifier<1, 2> as Spec>::Built<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
/// head.weight = dev.tensor([[1.0], [-2.0]]);
/// let x = ops::erase(dev.tensor([[[[1.0, 3.0]]]]))?;
/// let y = Classifier::<1, 2>::forward(&head, x, &mut Context::new(NoneTape, Plan::default()))?;
/// assert_eq!(y.as_vec(), [2.0, -4.0]);
/// # Ok::<(), dynvision::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Classifier<const F: usize, const N: usize, C = DefaultOptions<TruncatedNormal<4>>>(PhantomData<C>);
crate::spec!(impl [const F: usize, const N: usize, C: ConvOptions]
    Classifier<F, N, C> => built::Linear<F, N, C, E, D>);

#[diagnostic::do_not_recommend]
impl<const F: usize, const N: usize, O: ConvOptions> Readout for Classifier<F, N, O> {
    const FEATURES: Features = Features::Channels(F);
    type Classes = Const<N>;

    fn forward<E: Element, D: VisionDevice<E>, T: Tape<E, D>>(
        built: &Self::Built<E, D>,
        x: Maps<E, D>,
        cx: &mut Context<E, D, T>,
    ) -> Result<Matrix<E, D>> {
        built.forward(ops::global_avg_pool(&x, cx)?, cx)
    }
}
