//! What areas answered, as named tensors.

use super::StateDict;
use crate::error::Result;
use crate::file::StateNumber;
use crate::kernels::{Element, VisionDevice};
use crate::model::DynModel;
use crate::unroll::{Response, Stacked, Timed, VisitAreas};
use dfdx::prelude::{Device, Dim, Dtype, HasShape, Shape};

/// The recorded answers of a model as named tensors, for a safetensors file ([`write`](super::write)) or an `.npz`
/// ([`npz::write_state`](super::npz::write_state)): for an area `v1` the tensor `v1`, `(batch, time, channels, rows,
/// columns)`, and `v1.present`, `(time)`, which is 1 at steps at which the area had a signal, else 0.
///
/// ```
/// use dynvision::interop;
/// use dynvision::prelude::*;
/// # dynvision::simple_rcnn!(struct Small; input = [1, 4, 4], classes = 2);
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<Small, f32>();
/// net.dynamics.t_feedforward = 2.0;
/// let images = dev.sample_normal_like(&(3, Const, Const, Const));
/// let (_, responses) = net.try_record(Stimulus::constant(images, 4))?;
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("responses.safetensors");
/// let state = interop::responses(&net, &responses)?;
/// interop::write(&path, &state).expect("a file");
///
/// let read = interop::read(&path).expect("the same file");
/// assert_eq!(read.get::<f32>("layer1", &[3, 4, 32, 4, 4]).expect("an area"), responses.layer1.values.as_vec());
/// assert_eq!(read.get::<f32>("layer2.present", &[4]).expect("its steps"), [0.0, 1.0, 1.0, 1.0]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// None for responses that a run gave.
pub fn responses<M, B, E, D>(_net: &M, responses: &M::Areas<Stacked, B>) -> Result<StateDict>
where
    M: DynModel<E, D>,
    B: Dim,
    E: Element + StateNumber,
    D: VisionDevice<E>,
{
    let mut all = All(StateDict::default());
    M::visit_areas(responses, &mut all)?;
    Ok(all.0)
}

struct All(StateDict);
impl<E: Dtype + StateNumber, D: Device<E>> VisitAreas<Stacked, E, D> for All {
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, E, D>) -> Result<()> {
        let shape: Vec<usize> = response.values.shape().concrete().into_iter().collect();
        self.0.insert(name, &shape, &response.values.as_vec());
        let present: Vec<E> = response.present.iter().map(|&p| E::from_u8(u8::from(p)).unwrap_or_default()).collect();
        self.0.insert(format!("{name}.present"), &[present.len()], &present);
        Ok(())
    }
}
