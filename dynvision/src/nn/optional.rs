//! Fields that a part has or has not.

use dfdx::nn::{ModuleField, ModuleFields, ModuleVisitor, TensorCollection, TensorField, TensorOptions};
use dfdx::prelude::{ConstShape, Device, Dtype, Tensor};

/// A field that is visited where it is there. dfdx's own way, a list of none or one, is far more code for each part and
/// visitor.
pub(crate) struct Optional<F>(Option<F>);

impl<F: ModuleFields<M, E, D>, M: TensorCollection<E, D>, E: Dtype, D: Device<E>> ModuleFields<M, E, D>
    for Optional<F>
{
    type Options<E2: Dtype, D2: Device<E2>> = Option<F::Options<E2, D2>>;
    type Output<E2: Dtype, D2: Device<E2>> = Option<F::Output<E2, D2>>;

    fn visit_fields<V: ModuleVisitor<M, E, D>>(self, visitor: &mut V) -> Result<Self::Options<V::E2, V::D2>, V::Err> {
        match self.0 {
            Some(field) => field.visit_fields(visitor).map(Some),
            None => Ok(None),
        }
    }

    fn handle_options<E2: Dtype, D2: Device<E2>>(options: Self::Options<E2, D2>) -> Option<Self::Output<E2, D2>> {
        match options {
            Some(options) => F::handle_options(options).map(Some),
            None => Some(None),
        }
    }
}

/// The field of a tensor that is there where `is_there` says so. A constant of the part must say it, so that it is true of
/// every part of that type.
pub(crate) fn optional_tensor<M, S, E, D>(
    is_there: bool,
    name: &'static str,
    get: fn(&M) -> &Option<Tensor<S, E, D>>,
    get_mut: fn(&mut M) -> &mut Option<Tensor<S, E, D>>,
    options: TensorOptions<S, E, D>,
) -> Optional<
    TensorField<'static, impl FnMut(&M) -> &Tensor<S, E, D>, impl FnMut(&mut M) -> &mut Tensor<S, E, D>, M, S, E, D>,
>
where
    M: TensorCollection<E, D>,
    S: ConstShape,
    E: Dtype,
    D: Device<E>,
{
    #[allow(clippy::expect_used, reason = "the field is there by the same constant by which it is visited")]
    Optional(is_there.then(|| {
        M::tensor(
            name,
            move |s: &M| get(s).as_ref().expect("a field that is visited is there"),
            move |s: &mut M| get_mut(s).as_mut().expect("a field that is visited is there"),
            options,
        )
    }))
}

/// [`optional_tensor`] for a part of a part.
pub(crate) fn optional_module<M, F, E, D>(
    is_there: bool,
    name: &'static str,
    get: fn(&M) -> &Option<F>,
    get_mut: fn(&mut M) -> &mut Option<F>,
) -> Optional<ModuleField<'static, impl FnMut(&M) -> &F, impl FnMut(&mut M) -> &mut F, M, F>>
where
    M: TensorCollection<E, D>,
    F: TensorCollection<E, D>,
    E: Dtype,
    D: Device<E>,
{
    #[allow(clippy::expect_used, reason = "the field is there by the same constant by which it is visited")]
    Optional(is_there.then(|| {
        M::module(
            name,
            move |s: &M| get(s).as_ref().expect("a field that is visited is there"),
            move |s: &mut M| get_mut(s).as_mut().expect("a field that is visited is there"),
        )
    }))
}

/// Declares what holds the weights of a part: tensors, with how they begin, and parts. They stand in groups of at most six,
/// which is as many as dfdx visits at once; the names in brackets are its const parameters.
macro_rules! weights {
    (
        $(#[$meta:meta])* pub struct $name:ident[$($param:ident),*] {
            $(( $($(#[$field_meta:meta])* $field:ident: $ty:ty = $kind:ident($key:literal $(, $begin:expr)?)),+ $(,)? ))+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name<$(const $param: usize,)* E: dfdx::prelude::Dtype, D: dfdx::prelude::Device<E>> {
            $($($(#[$field_meta])* pub $field: $ty,)+)+
        }

        impl<$(const $param: usize,)* E: dfdx::prelude::Dtype, D: dfdx::prelude::Device<E>>
            dfdx::nn::TensorCollection<E, D> for $name<$($param,)* E, D>
        {
            type To<E2: dfdx::prelude::Dtype, D2: dfdx::prelude::Device<E2>> = $name<$($param,)* E2, D2>;

            fn iter_tensors<V: dfdx::nn::ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                visitor.visit_fields(
                    ($(($($crate::nn::optional::weights!(@ $kind $field $key $(, $begin)?),)+),)+),
                    |($(($($field,)+),)+)| $name { $($($field,)+)+ },
                )
            }
        }
    };
    (@ tensor $field:ident $key:literal, $begin:expr) => {
        Self::tensor($key, |s| &s.$field, |s| &mut s.$field, $begin)
    };
    (@ part $field:ident $key:literal) => {
        Self::module($key, |s| &s.$field, |s| &mut s.$field)
    };
}
pub(crate) use weights;

/// Declares what holds the weights of a part that is made of parts: its fields, and their names in a state dict.
macro_rules! modules {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $ty:ident = $key:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name<$($ty),+> {
            $($(#[$field_meta])* pub $field: $ty,)+
        }

        impl<$($ty: dfdx::nn::TensorCollection<E, D>,)+ E: dfdx::prelude::Dtype, D: dfdx::prelude::Device<E>>
            dfdx::nn::TensorCollection<E, D> for $name<$($ty),+>
        {
            type To<E2: dfdx::prelude::Dtype, D2: dfdx::prelude::Device<E2>> = $name<$($ty::To<E2, D2>),+>;

            fn iter_tensors<V: dfdx::nn::ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                visitor.visit_fields(
                    ($(Self::module($key, |s| &s.$field, |s| &mut s.$field),)+),
                    |($($field,)+)| $name { $($field,)+ },
                )
            }
        }
    };
}
pub(crate) use modules;
