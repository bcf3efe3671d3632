//! The parameters of a model by name.

use dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorName, ViewTensorRef};
use dfdx::prelude::{Device, Dtype, HasShape, Shape, Tensor};

/// One tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its path: fields joined by dots, such as `v1.conv.weight`.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Whether optimizers update it.
    pub trained: bool,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The tensors of a model, in the order of its fields.
///
/// ```
/// use dfdx::prelude::*;
/// use dfdx::nn::builders::Linear;
/// let net = Cpu::default().build_module::<Linear<4, 2>, f32>();
/// let names: Vec<_> = dynvision::parameters::parameters(&net).into_iter().map(|p| p.name).collect();
/// assert_eq!(names, ["weight", "bias"]);
/// ```
pub fn parameters<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(model: &M) -> Vec<Parameter> {
    let mut list = List(Vec::new());
    // the visitor has no error to give
    let _ = M::iter_tensors(&mut RecursiveWalker { m: (model, String::new()), f: &mut list });
    list.0
}

struct List(Vec<Parameter>);
impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for List {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = std::convert::Infallible;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (t, name): (&Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, Self::Err> {
        let shape = t.shape().concrete().into_iter().collect();
        self.0.push(Parameter { name, shape, trained: options.do_gradient_update });
        Ok(None)
    }
}
