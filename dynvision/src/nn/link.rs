//! A connection between two areas.

use super::init::ConnectionNormal;
use super::{Additive, ConvOptions, DefaultOptions, Integration};
use crate::error::Result;
use crate::kernels::{Element, Maps, VisionDevice};
use crate::ops;
use crate::unroll::{Context, Past};
use dfdx::prelude::{Const, Device, Dtype, HasShape, Tape};
use std::marker::PhantomData;

/// A skip or feedback connection from an area of `I` channels to one of `O` (the original's `Skip` and `Feedback`): a
/// convolution of kernel `K` and stride `S` where channels, kernel or stride ask for it or `FORCE` says so, then the size
/// of the target by nearest neighbour, then the integration `G`. `C` are the options of the convolution.
///
/// With kernel 1 and stride 1 resizing and convolution commute; the cheaper order is taken.
///
/// # Shapes
/// Source `(B, I, H, W)`, target and result `(B, O, Ho, Wo)`.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::{nn::{LinkConv, Spec}, parameters::parameters};
/// let same: <LinkConv<8, 8> as Spec>::Built<f32, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
/// assert!(parameters(&same).is_empty(), "nothing asks for a convolution");
/// let wider: <LinkConv<8, 16> as Spec>::Built<f32, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
/// assert_eq!(parameters(&wider)[0].shape, [16, 8, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkConv<
    const I: usize,
    const O: usize,
    const K: usize = 1,
    const S: usize = 1,
    const FORCE: bool = false,
    G = Additive,
    C = DefaultOptions<ConnectionNormal>,
>(PhantomData<(G, C)>);

impl<const I: usize, const O: usize, const K: usize, const S: usize, const FORCE: bool, G, C>
    LinkConv<I, O, K, S, FORCE, G, C>
{
    /// Whether there is a convolution.
    pub const CONVOLVES: bool = FORCE || I != O || K != 1 || S != 1;
}

crate::spec!(impl [
    const I: usize, const O: usize, const K: usize, const S: usize, const FORCE: bool, G: Integration, C: ConvOptions
] LinkConv<I, O, K, S, FORCE, G, C> => built::LinkConv<I, O, K, S, FORCE, G, C, E, D>);

pub(crate) mod built {
    use super::*;
    use crate::nn::built::Conv2d;
    use crate::nn::optional::optional_module;
    use dfdx::nn::{ModuleVisitor, TensorCollection};

    /// The weights of a [`LinkConv`](super::LinkConv).
    #[derive(Clone, Debug)]
    pub struct LinkConv<
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
    > TensorCollection<E, D> for LinkConv<I, O, K, S, FORCE, G, C, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = LinkConv<I, O, K, S, FORCE, G, C, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let convolves = super::LinkConv::<I, O, K, S, FORCE, G, C>::CONVOLVES;
            let conv = optional_module(convolves, "conv", |s: &Self| &s.conv, |s| &mut s.conv);
            visitor.visit_fields(conv, |conv| LinkConv { conv, integration: PhantomData })
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
    > LinkConv<I, O, K, S, FORCE, G, C, E, D>
    {
        /// Integrates the response of `from` that link number `link` reads into `x`, a map of the size
        /// [`Context::input`]. Without a signal at the source, `x` passes; without `x`, the source's signal alone does.
        ///
        /// # Errors
        /// [`Error::Shape`](crate::error::Error::Shape) where batch sizes differ.
        pub fn join<T: Tape<E, D>>(
            &self,
            x: Option<Maps<E, D>>,
            from: &Past<E, D>,
            link: usize,
            cx: &mut Context<E, D, T>,
        ) -> Result<Option<Maps<E, D>>> {
            let Some(h) = cx.plan().link(link).and_then(|updates| from.ago(updates)) else { return Ok(x) };
            let size @ [rows, columns] = [cx.input().h, cx.input().w];
            let (_, _, height, width) = *h.shape();
            let shrinks = rows * columns <= height * width;
            let is_point = K == 1 && S == 1;
            let (h, onto) = match (&self.conv, x) {
                // a sum is made in place, as the last step of computing the signal
                (Some(conv), Some(x)) if G::IS_SUM && is_point && shrinks => {
                    let h = ops::resize(h, size, None, cx)?;
                    return conv.forward(&h, Some(x), cx).map(Some);
                }
                (None, Some(x)) if G::IS_SUM => return ops::resize(h, size, Some(x), cx).map(Some),
                (Some(conv), Some(x)) if G::IS_SUM => {
                    let h = conv.forward(h, None, cx)?;
                    let x = ops::resize(&h, size, Some(x), cx)?;
                    cx.recycle(h);
                    return Ok(Some(x));
                }
                (None, x) => (ops::resize(h, size, None, cx)?, x),
                (Some(conv), x) if is_point && shrinks => {
                    let h = ops::resize(h, size, None, cx)?;
                    (conv.forward(&h, None, cx)?, x)
                }
                (Some(conv), x) => {
                    let h = conv.forward(h, None, cx)?;
                    (ops::resize(&h, size, None, cx)?, x)
                }
            };
            match onto {
                Some(x) => G::integrate(x, &h, cx).map(Some),
                None => Ok(Some(h)),
            }
        }
    }
}
