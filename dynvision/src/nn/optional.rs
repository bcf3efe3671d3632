//! Fields that a part has or has not.

use dfdx::nn::{ModuleFields, ModuleVisitor, TensorCollection};
use dfdx::prelude::{Device, Dtype};

/// A field that is visited where it is there. dfdx's own way, a list of none or one, is far more code for each part and
/// visitor.
pub(crate) struct Optional<F>(pub(crate) Option<F>);

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
