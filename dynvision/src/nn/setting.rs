//! What belongs to a model but is no tensor.

use dfdx::nn::{ModuleVisitor, TensorCollection, ZeroSizedModule};
use dfdx::prelude::{Device, Dtype};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A part without weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;
impl ZeroSizedModule for Empty {}

/// A value that is no tensor but belongs to a model: conversions to another dtype or device keep it (dfdx's own scalar
/// fields are reset to their default by them); safetensors do not hold it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setting<V> {
    value: V,
    empty: Empty,
}

impl<V> From<V> for Setting<V> {
    fn from(value: V) -> Self {
        Setting { value, empty: Empty }
    }
}
impl<V> Deref for Setting<V> {
    type Target = V;
    fn deref(&self) -> &V {
        &self.value
    }
}
impl<V> DerefMut for Setting<V> {
    fn deref_mut(&mut self) -> &mut V {
        &mut self.value
    }
}

impl<V: Clone + Default, E: Dtype, D: Device<E>> TensorCollection<E, D> for Setting<V> {
    type To<E2: Dtype, D2: Device<E2>> = Setting<V>;

    fn iter_tensors<W: ModuleVisitor<Self, E, D>>(visitor: &mut W) -> Result<Option<Self>, W::Err> {
        // A visitor of an existing model goes through the accessor, and so lets the value be seen; a builder has none.
        let seen = RefCell::new(None);
        visitor.visit_fields(
            <Self as TensorCollection<E, D>>::module(
                "",
                |s| {
                    seen.replace(Some(s.value.clone()));
                    &s.empty
                },
                |s| &mut s.empty,
            ),
            |_: Empty| seen.take().unwrap_or_default().into(),
        )
    }
}
