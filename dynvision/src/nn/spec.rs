//! From a specification to what is built of it.

#[doc(hidden)]
pub use dfdx::nn::TensorCollection;
#[doc(hidden)]
pub use dfdx::prelude::{Device, Dtype};
use std::fmt::Debug;

/// A part as it is declared: without dtype and device.
///
/// `converted` says that the weights of the part on another device or in another dtype are again its built type. Its body
/// is always `it`; the compiler checks that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no part of a dynamic model",
    note = "a part implements `dynvision::nn::Spec`, which names the type that holds its weights"
)]
pub trait Spec {
    /// What holds the weights.
    type Built<E: Dtype, D: Device<E>>: TensorCollection<E, D> + Clone + Debug;

    /// The converted weights, unchanged.
    fn converted<E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
        it: <Self::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
    ) -> Self::Built<E2, D2>;
}

/// What is built of a specification.
pub type Built<S, E, D> = <S as Spec>::Built<E, D>;

/// [`Spec::converted`] as a function.
pub fn converted<S: Spec, E: Dtype, D: Device<E>, E2: Dtype, D2: Device<E2>>(
    it: <S::Built<E, D> as TensorCollection<E, D>>::To<E2, D2>,
) -> S::Built<E2, D2> {
    S::converted::<E, D, E2, D2>(it)
}

/// Says what is built of a specification: `spec!(impl [const C: usize] Gain<C> => built::Gain<C, E, D>)` implements
/// [`Spec`]; `E` and `D` are dtype and device.
///
/// ```
/// use dynvision::nn::Empty;
/// struct Echo;
/// dynvision::spec!(impl Echo => Empty);
/// ```
#[macro_export]
macro_rules! spec {
    (@ [$($params:tt)*] $spec:ty, $built:ty) => {
        impl<$($params)*> $crate::nn::Spec for $spec {
            type Built<E: $crate::nn::spec::Dtype, D: $crate::nn::spec::Device<E>> = $built;

            fn converted<
                E: $crate::nn::spec::Dtype,
                D: $crate::nn::spec::Device<E>,
                E2: $crate::nn::spec::Dtype,
                D2: $crate::nn::spec::Device<E2>,
            >(
                it: <Self::Built<E, D> as $crate::nn::spec::TensorCollection<E, D>>::To<E2, D2>,
            ) -> Self::Built<E2, D2> {
                it
            }
        }
    };
    (impl [$($params:tt)*] $spec:ty => $built:ty) => {
        $crate::spec!(@ [$($params)*] $spec, $built);
    };
    (impl $spec:ty => $built:ty) => {
        $crate::spec!(@ [] $spec, $built);
    };
}
