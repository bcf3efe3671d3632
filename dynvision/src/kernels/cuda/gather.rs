//! Units picked from maps.

use super::raw::{self, Module, Threads, address, fits, handle, launch, refused, whole};
use super::*;
use cudarc::driver::DevicePtr;

const GATHER: Module = module!("gather": "gather", "gather_backward");

/// For each of `units`, where those that picked it begin in a list of all, and this list.
fn users(index: &[u32], units: usize) -> Result<(Vec<u32>, Vec<u32>), CudaError> {
    let mut starts = vec![0u32; units + 1];
    for &unit in index {
        *starts.get_mut(unit as usize + 1).ok_or_else(refused)? += 1;
    }
    for unit in 0..units {
        starts[unit + 1] += starts[unit];
    }
    let (mut next, mut users) = (starts.clone(), vec![0u32; index.len()]);
    for (pick, &unit) in (0u32..).zip(index) {
        users[next[unit as usize] as usize] = pick;
        next[unit as usize] += 1;
    }
    Ok((starts, users))
}

impl<E: Element> GatherKernel<E> for Cuda
where
    Cuda: Device<E>,
{
    fn gather(&self, index: &[u32], x: &Maps<E, Self>, y: super::super::Sizes) -> Result<Maps<E, Self>, CudaError> {
        let ((b, c, h, w), x) = (*x.shape(), whole(x)?);
        let (units, n) = (c * h * w, y.num_elements());
        fits(b * index.len(), &[n])?;
        if index.iter().any(|&unit| unit as usize >= units) {
            return Err(refused());
        }
        let y: Maps<E, Self> = self.try_zeros_like(&y)?;
        if n == 0 {
            return Ok(y);
        }
        let handle = handle(self)?;
        let picked = handle.htod_copy(index.to_vec())?;
        // size n, size units, size picks, const unsigned* index, const T* x, T* y
        let params = (n, units, index.len(), *picked.device_ptr(), address(&x)?, address(&y)?);
        launch(&handle, &GATHER, named!("gather", E), Threads::Each(n), params)?;
        Ok(y)
    }

    fn gather_backward(
        &self,
        index: &[u32],
        x: super::super::Sizes,
        gy: &Buffer<E, Self>,
        gx: &mut Buffer<E, Self>,
    ) -> Result<(), CudaError> {
        let (units, n) = (x.1 * x.2 * x.3, x.num_elements());
        fits(n, &[raw::len::<E>(gx)])?;
        fits(x.0 * index.len(), &[raw::len::<E>(gy)])?;
        if n == 0 || index.is_empty() {
            return Ok(());
        }
        let (starts, users) = users(index, units)?;
        let handle = handle(self)?;
        let (starts, users) = (handle.htod_copy(starts)?, handle.htod_copy(users)?);
        // size n, size units, size picks, const unsigned* starts, const unsigned* users, const T* gy, T* gx
        let (starts, users) = (*starts.device_ptr(), *users.device_ptr());
        let params = (n, units, index.len(), starts, users, raw::read::<E>(gy), raw::write::<E>(gx));
        launch(&handle, &GATHER, named!("gather_backward", E), Threads::Each(n), params)
    }
}
