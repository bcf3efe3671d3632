//! Steps stacked to a time axis.

use super::raw::{self, Module, Threads, address, fits, handle, launch, refused, whole};
use super::*;

const STACK: Module = module!("stack": "stack", "unstack");

impl<E: Element> StackKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn fetch(&self, tensors: &[Vector<E, Self>]) -> Result<Vec<Vec<E>>, CudaError> {
        optimizer::fetch(self, tensors)
    }

    fn fetching_waits(&self) -> bool {
        true
    }

    fn stack_time<X: Shape, Y: Shape>(
        &self,
        first: usize,
        steps: &[Tensor<X, E, Self>],
        y: Y,
    ) -> Result<Tensor<Y, E, Self>, CudaError> {
        let time = first + steps.len();
        let n = steps.first().map_or(0, |x| x.shape().num_elements());
        fits(n, &steps.iter().map(|x| x.shape().num_elements()).collect::<Vec<_>>())?;
        let batch = y.concrete().into_iter().next().ok_or_else(refused)?;
        let y: Tensor<Y, E, Self> = self.try_zeros_like(&y)?;
        if n == 0 {
            return Ok(y);
        }
        let len = n / batch.max(1);
        fits(batch * len * time, &[y.shape().num_elements()])?;
        let handle = handle(self)?;
        for (at, x) in (first..).zip(steps) {
            let x = whole(x)?;
            // size n, size len, size time, size at, const T* x, T* y
            let params = (n, len, time, at, address(&x)?, address(&y)?);
            launch(&handle, &STACK, named!("stack", E), Threads::Each(n), params)?;
        }
        Ok(y)
    }

    fn unstack_time(
        &self,
        [batch, time, len]: [usize; 3],
        step: usize,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let n = batch * len;
        fits(n, &[raw::len::<E>(gx)])?;
        fits(n * time, &[raw::len::<E>(gy)])?;
        if step >= time {
            return Err(refused());
        }
        // size n, size len, size time, size at, const T* gy, T* gx
        let params = (n, len, time, step, raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle(self)?, &STACK, named!("unstack", E), Threads::Each(n), params)
    }
}
