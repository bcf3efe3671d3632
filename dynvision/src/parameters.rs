//! The parameters of a model by name.

use crate::autograd::id;
use crate::kernels::{Buffer, Vector};
use dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor};
use dfdx::nn::{ViewTensorMut, ViewTensorName, ViewTensorRef};
use dfdx::prelude::{Device, Dtype, Gradients, HasShape, ReshapeTo, Shape, Tensor, UniqueId};
use std::convert::Infallible;

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
    let mut list = Vec::new();
    each(model, |name, trained, tensor| list.push(Parameter { name: name.into(), shape: tensor.sizes(), trained }));
    list
}

/// A tensor whose shape is not in its type, so that what is done with the tensors of a model compiles once.
pub trait AnyTensor<E: Dtype, D: Device<E>> {
    /// Its sizes.
    fn sizes(&self) -> Vec<usize>;
    /// A copy of its elements, in the order of its indices also where it is a view.
    fn values(&self) -> Vec<E>;
    /// Replaces its elements, all of them. A view (broadcast, permuted) becomes a tensor of its own, with a new identity.
    fn set_values(&mut self, values: &[E]);
    /// Its elements in one row, where it is.
    ///
    /// # Errors
    /// What the device refuses, here and below.
    fn row(&self) -> Result<Vector<E, D>, D::Err>;
    /// Replaces its elements by as many in a row, on its device. A view becomes a tensor of its own.
    fn set_row(&mut self, row: &Vector<E, D>) -> Result<(), D::Err>;
    /// Its gradient; zeros if it has none yet.
    fn gradient<'a>(&self, gradients: &'a mut Gradients<E, D>) -> Result<&'a mut Buffer<E, D>, D::Err>;
    /// The identity under which gradients know it.
    fn identity(&self) -> UniqueId;
    /// Where it is.
    fn place(&self) -> &D;
}

impl<S: Shape, E: Dtype, D: Device<E>> AnyTensor<E, D> for Tensor<S, E, D> {
    fn sizes(&self) -> Vec<usize> {
        self.shape().concrete().into()
    }

    fn values(&self) -> Vec<E> {
        self.as_vec()
    }

    fn set_values(&mut self, values: &[E]) {
        // A view's buffer has another order or length than its elements; a contiguous tensor comes back as it was.
        let whole = self.clone().contiguous();
        if id(&whole) != id(self) {
            *self = whole;
        }
        self.copy_from(values);
    }

    fn row(&self) -> Result<Vector<E, D>, D::Err> {
        self.clone().try_reshape_like(&(self.shape().num_elements(),))
    }

    fn set_row(&mut self, row: &Vector<E, D>) -> Result<(), D::Err> {
        let whole = self.clone().try_contiguous()?;
        if id(&whole) != id(self) {
            *self = whole;
        }
        let row = row.clone().try_reshape_like(self.shape())?;
        // what stands here may be infinite: 0 times it would be no number
        self.try_fill_with_zeros()?;
        self.try_axpy(1.0, &row, 1.0)
    }

    fn gradient<'a>(&self, gradients: &'a mut Gradients<E, D>) -> Result<&'a mut Buffer<E, D>, D::Err> {
        gradients.get_or_alloc_mut(self)
    }

    fn identity(&self) -> UniqueId {
        id(self)
    }

    fn place(&self) -> &D {
        self.device()
    }
}

/// Shows `see` every tensor of a model, in the order of its fields: its name, whether optimizers update it, and itself.
///
/// A walk through a model is much code, of which each model has its own; all that look at tensors share this one.
///
/// ```
/// use dfdx::prelude::*;
/// let net = Cpu::default().build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
/// let mut elements = 0;
/// dynvision::parameters::each(&net, |_, _, tensor| elements += tensor.values().len());
/// assert_eq!(elements, 10);
/// ```
pub fn each<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &M,
    mut see: impl FnMut(&str, bool, &dyn AnyTensor<E, D>),
) {
    // the visitor has no error to give
    let _ = M::iter_tensors(&mut RecursiveWalker { m: (model, String::new()), f: &mut See(&mut see) });
}

/// [`each`] for tensors that change.
///
/// ```
/// use dfdx::prelude::*;
/// let mut net = Cpu::default().build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
/// dynvision::parameters::each_mut(&mut net, |name, _, tensor| {
///     if name == "bias" {
///         tensor.set_values(&[1.0, 2.0]);
///     }
/// });
/// assert_eq!(net.bias.array(), [1.0, 2.0]);
/// ```
pub fn each_mut<M: TensorCollection<E, D>, E: Dtype, D: Device<E>>(
    model: &mut M,
    mut see: impl FnMut(&str, bool, &mut dyn AnyTensor<E, D>),
) {
    // the visitor has no error to give
    let _ = M::iter_tensors(&mut RecursiveWalker { m: (model, String::new()), f: &mut Change(&mut see) });
}

struct See<'a, E, D>(&'a mut dyn FnMut(&str, bool, &dyn AnyTensor<E, D>));
impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for See<'_, E, D> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = Infallible;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (tensor, name): (&Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, Infallible> {
        (self.0)(&name, options.do_gradient_update, tensor);
        Ok(None)
    }
}

struct Change<'a, E, D>(&'a mut dyn FnMut(&str, bool, &mut dyn AnyTensor<E, D>));
impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Change<'_, E, D> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = Infallible;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (tensor, name): (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, Infallible> {
        (self.0)(&name, options.do_gradient_update, tensor);
        Ok(None)
    }
}
