//! Our side of `interchange.py`: writes the weights of a model with an input and its output, or reads the original's.

use dfdx::prelude::*;
use dynvision::interop::{self, StateDict, Weights, torch};
use dynvision::model::{DynModel, FrameShape};
use dynvision::parameters::parameters;
use dynvision::unroll::Stimulus;
use dynvision::zoo::{DyRCNNx2, DyRCNNx4, DyRCNNx4Feedback};
use std::error::Error;
use std::path::Path;

/// Steps of a run: more than the 15 of a feedback's delay.
const STEPS: usize = 24;
const IMAGES: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [direction, model, folder] = args.as_slice() else {
        return Err("interchange is run by interchange.py: interchange write|read MODEL FOLDER".into());
    };
    let names = torch::Names::default();
    let (dev, folder) = (Cpu::seed_from_u64(1), Path::new(folder));
    match model.as_str() {
        "DyRCNNx2" => exchange(direction, names.solver_taus(), dev.build_module::<DyRCNNx2, f32>(), folder),
        "DyRCNNx4" => exchange(direction, names, dev.build_module::<DyRCNNx4, f32>(), folder),
        "DyRCNNx4Feedback" => exchange(direction, names, dev.build_module::<DyRCNNx4Feedback, f32>(), folder),
        other => Err(format!("no model {other}").into()),
    }
}

fn exchange<M: DynModel<f32, Cpu>>(
    direction: &str,
    names: torch::Names,
    mut net: M,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let file = |name: &str| folder.join(format!("{name}.safetensors"));
    if direction == "write" {
        net.set_weights(&drawn(&net))?;
        let images = Cpu::seed_from_u64(2).sample_normal_like(&shape::<M>(IMAGES));
        let mut run = StateDict::default();
        insert(&mut run, "input", &images);
        insert(&mut run, "output", &net.try_run(Stimulus::constant(images, STEPS))?);
        interop::write(&file("run"), &run)?;
        interop::write(&file("ours"), &torch::export(&net, &names)?)?;
    } else {
        torch::import(&mut net, &interop::read(&file("theirs"))?)?;
        let (sizes, values) = interop::read(&file("run"))?.numbers("input")?;
        let values = values.into_iter().map(|value| value as f32).collect();
        let images = Cpu::default().try_tensor_from_vec(values, shape::<M>(sizes[0]))?;
        let mut run = StateDict::default();
        insert(&mut run, "output", &net.try_run(Stimulus::constant(images, STEPS))?);
        interop::write(&file("answer"), &run)?;
        interop::write(&file("again"), &torch::export(&net, &names)?)?;
    }
    Ok(())
}

fn shape<M: DynModel<f32, Cpu>>(images: usize) -> FrameShape<M, usize, f32, Cpu> {
    (images, Default::default(), Default::default(), Default::default())
}

fn insert<S: Shape>(state: &mut StateDict, name: &str, tensor: &Tensor<S, f32, Cpu>) {
    let shape: Vec<usize> = tensor.shape().concrete().into_iter().collect();
    state.insert(name, &shape, &tensor.as_vec());
}

/// Weights under which recurrences and links matter: fresh ones are almost zero there.
fn drawn<M: DynModel<f32, Cpu>>(net: &M) -> StateDict {
    let mut state = StateDict::default();
    for (i, parameter) in parameters(net).iter().enumerate() {
        let inputs: usize = parameter.shape.iter().skip(1).product();
        let feedforward = parameter.name.contains(".conv.") && !parameter.name.contains('_');
        let scale = if feedforward { 2.4 } else { 0.7 } / (inputs as f32).sqrt();
        let scale = if parameter.shape.len() == 1 { 0.1 } else { scale };
        let value = |j: usize| scale * (1.7 * i as f32 + 12.9898 * j as f32).sin();
        let values: Vec<f32> = (0..parameter.len()).map(value).collect();
        state.insert(&parameter.name, &parameter.shape, &values);
    }
    state
}
