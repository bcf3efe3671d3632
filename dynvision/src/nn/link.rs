//! A connection between two areas.

use super::init::ConnectionNormal;
use super::{Additive, ConvOptions, Integration, MapOf, Plain, Signal};
use crate::cx::Cx;
use crate::error::Result;
use crate::kernels::{Element, VisionDevice};
use crate::ops;
use crate::time::History;
use dfdx::prelude::{Const, ConstDim, Device, Dim, Dtype, HasShape, Tape};
use std::marker::PhantomData;

/// A skip or feedback connection from an area of `I` channels to one of `O` (the original's `Skip` and `Feedback`): a
/// convolution of kernel `K` and stride `S` where channels, kernel or stride ask for it or `FORCE` says so, then the size
/// of the target by nearest neighbour, then the integration `G`. `C` are the options of the convolution.
///
/// With kernel 1 and stride 1 resizing and convolution commute; the cheaper order is taken.
///
/// # Shapes
/// Source `(B, I, H, W)`, target and result `(B, O, Ho, Wo)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link<
    const I: usize,
    const O: usize,
    const K: usize = 1,
    const S: usize = 1,
    const FORCE: bool = false,
    G = Additive,
    C = Plain<ConnectionNormal>,
>(PhantomData<(G, C)>);

impl<const I: usize, const O: usize, const K: usize, const S: usize, const FORCE: bool, G, C>
    Link<I, O, K, S, FORCE, G, C>
{
    /// Whether there is a convolution.
    pub const CONVOLVES: bool = FORCE || I != O || K != 1 || S != 1;
}

crate::spec!(impl [
    const I: usize, const O: usize, const K: usize, const S: usize, const FORCE: bool, G: Integration, C: ConvOptions
] Link<I, O, K, S, FORCE, G, C> => built::Link<I, O, K, S, FORCE, G, C, E, D>);

pub(crate) mod built {
    use super::*;
    use crate::nn::built::Conv2d;
    use crate::nn::optional::Optional;
    use dfdx::nn::{ModuleVisitor, TensorCollection};

    /// The weights of a [`Link`](super::Link).
    #[derive(Clone, Debug)]
    pub struct Link<
        const I: usize,
        const O: usize,
        const K: usize,
        const S: usize,
        const FORCE: bool,
        G,
        C: ConvOptions,
        E: Dtype,
        D: Device<E>,
    > {
        /// The convolution, if there is one.
        pub conv: Option<Conv2d<Const<I>, Const<O>, Const<K>, S, C, E, D>>,
        integration: PhantomData<G>,
    }

    impl<
        const I: usize,
        const O: usize,
        const K: usize,
        const S: usize,
        const FORCE: bool,
        G,
        C: ConvOptions,
        E: Dtype,
        D: Device<E>,
    > TensorCollection<E, D> for Link<I, O, K, S, FORCE, G, C, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = Link<I, O, K, S, FORCE, G, C, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            #[allow(clippy::expect_used)] // the field is there by the same constant by which it is visited
            let conv = super::Link::<I, O, K, S, FORCE, G, C>::CONVOLVES.then(|| {
                Self::module(
                    "conv",
                    |s| s.conv.as_ref().expect("a link that convolves has a convolution"),
                    |s| s.conv.as_mut().expect("a link that convolves has a convolution"),
                )
            });
            visitor.visit_fields(Optional(conv), |conv| Link { conv, integration: PhantomData })
        }
    }

    impl<
        const I: usize,
        const O: usize,
        const K: usize,
        const S: usize,
        const FORCE: bool,
        G: Integration,
        C: ConvOptions,
        E: Element,
        D: VisionDevice<E>,
    > Link<I, O, K, S, FORCE, G, C, E, D>
    {
        /// Integrates what `from` held as the plan says for link number `link` into `x`. Without a signal at the source,
        /// `x` passes; without `x`, the source's signal alone does.
        ///
        /// # Errors
        /// [`Error::Shape`](crate::error::Error::Shape) where batch sizes differ.
        pub fn join<B: Dim, H: Dim, W: Dim, Ho: ConstDim, Wo: ConstDim, T: Tape<E, D>>(
            &self,
            x: Signal<(B, Const<O>, Ho, Wo), E, D>,
            from: &History<(B, Const<I>, H, W), E, D>,
            link: usize,
            cx: &mut Cx<T>,
        ) -> Result<Signal<(B, Const<O>, Ho, Wo), E, D>> {
            let Some(h) = cx.plan.link(link).and_then(|updates| from.ago(updates)) else { return Ok(x) };
            let (b, _, height, width) = *h.shape();
            let small = (b, Const::<I>, Ho::default(), Wo::default());
            let to = (b, Const::<O>, Ho::default(), Wo::default());
            let shrinks = Ho::SIZE * Wo::SIZE <= height.size() * width.size();
            match (&self.conv, x) {
                // a sum is made in place, as the last step of computing the signal
                (Some(conv), Some(x)) if G::IS_SUM && K == 1 && S == 1 && shrinks => {
                    let h = ops::resize(h, small, cx)?;
                    conv.apply(&h, Some(x), cx).map(Some)
                }
                (None, Some(x)) if G::IS_SUM => ops::resize_onto(h, x, cx).map(Some),
                (Some(conv), Some(x)) if G::IS_SUM => {
                    let h: MapOf<B, Const<O>, usize, usize, E, D> = conv.apply(h, None, cx)?;
                    ops::resize_onto(&h, x, cx).map(Some)
                }
                (conv, x) => {
                    let h = match conv {
                        None => ops::resize(h, to, cx)?,
                        Some(conv) if K == 1 && S == 1 && shrinks => {
                            let h = ops::resize(h, small, cx)?;
                            conv.apply(&h, None, cx)?
                        }
                        Some(conv) => {
                            let h: MapOf<B, Const<O>, usize, usize, E, D> = conv.apply(h, None, cx)?;
                            ops::resize(&h, to, cx)?
                        }
                    };
                    match x {
                        Some(x) => G::integrate(x, &h, cx).map(Some),
                        None => Ok(Some(h)),
                    }
                }
            }
        }
    }
}
