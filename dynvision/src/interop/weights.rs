//! The tensors of a model by name, to a file and back.

use crate::file::{FileError, StateDict, StateError, StateNumber, read, write};
use crate::optim::Group;
use crate::parameters::{each, each_mut};
use dfdx::nn::TensorCollection;
use dfdx::prelude::{Device, Dtype};
use std::collections::BTreeSet;
use std::path::Path;

/// The tensors of a model by name, those that are not trained included. Settings, such as the dynamics, are not in them.
///
/// ```
/// use dfdx::prelude::*;
/// use dynvision::interop::Weights;
/// let dev = Cpu::default();
/// let saved = dev.build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("linear.safetensors");
/// saved.save_weights(&path)?;
/// let mut loaded = dev.build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
/// loaded.load_weights(&path)?;
/// assert_eq!(loaded.weight.array(), saved.weight.array());
/// # Ok::<(), dynvision::interop::FileError>(())
/// ```
pub trait Weights<E: Dtype + StateNumber, D: Device<E>>: TensorCollection<E, D> {
    /// A copy of the tensors.
    fn weights(&self) -> StateDict {
        let mut all = StateDict::default();
        each(self, |name, _, tensor| all.insert(name, &tensor.sizes(), &tensor.values()));
        all
    }

    /// Checks that `saved` has the tensors of the model, all of them and no others.
    ///
    /// # Errors
    /// All tensors that are missing, too many, of another shape or of a type that would lose digits, or that hold an
    /// infinite number or none, by name.
    fn check_weights(&self, saved: &StateDict) -> Result<(), StateError> {
        check(self, saved, &[])
    }

    /// Takes up the tensors of `saved` but for those of the names that `except` holds for, which stay as they are: to begin
    /// with the weights of a model that was trained on something else. The patterns are those of a [`Group`].
    ///
    /// ```
    /// use dfdx::prelude::*;
    /// use dynvision::interop::Weights;
    /// use dfdx::nn::builders::Linear;
    /// let dev = Cpu::default();
    /// let trained = dev.build_module::<(Linear<4, 8>, Linear<8, 10>), f32>();
    /// // three classes in place of ten
    /// let mut net = dev.build_module::<(Linear<4, 8>, Linear<8, 3>), f32>();
    /// net.set_weights_except(&trained.weights(), &["1"])?;
    /// assert_eq!(net.0.weight.array(), trained.0.weight.array());
    /// # Ok::<(), dynvision::interop::StateError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`check_weights`](Weights::check_weights) for the others; a pattern that holds for no tensor of the model.
    /// Nothing has changed then.
    fn set_weights_except(&mut self, saved: &StateDict, except: &[&str]) -> Result<(), StateError> {
        let stay: Vec<Group> = except.iter().map(|&pattern| Group::named(pattern)).collect();
        check(self, saved, &stay)?;
        let mut set = Ok(());
        each_mut(self, |name, _, tensor| {
            if stay.iter().any(|group| group.matches(name)) {
                return;
            }
            match saved.get::<E>(name, &tensor.sizes()) {
                Ok(values) => tensor.set_values(&values),
                Err(error) => set = Err(error),
            }
        });
        set
    }

    /// Takes up the tensors of `saved`.
    ///
    /// # Errors
    /// Those of [`check_weights`](Weights::check_weights). Nothing has changed then.
    fn set_weights(&mut self, saved: &StateDict) -> Result<(), StateError> {
        self.set_weights_except(saved, &[])
    }

    /// Writes the tensors to a safetensors file, which nobody ever sees half written.
    ///
    /// # Errors
    /// Those of the file system.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        write(path.as_ref(), &self.weights())
    }

    /// Takes up the tensors of a safetensors file.
    ///
    /// # Errors
    /// Those of the file system; a file of another format or a damaged one; those of
    /// [`set_weights`](Weights::set_weights).
    fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        let saved = read(path)?;
        self.set_weights(&saved).map_err(|source| FileError::in_file(path, source))
    }
}
impl<E: Dtype + StateNumber, D: Device<E>, M: TensorCollection<E, D>> Weights<E, D> for M {}

/// Checks that `saved` has the tensors of a model but for those that stay.
fn check<E, D, M>(net: &M, saved: &StateDict, stay: &[Group]) -> Result<(), StateError>
where
    E: Dtype + StateNumber,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let (mut names, mut errors, mut used) = (BTreeSet::new(), Vec::new(), vec![false; stay.len()]);
    let mut stays = |name: &str| {
        let holds: Vec<bool> = stay.iter().map(|group| group.matches(name)).collect();
        used.iter_mut().zip(&holds).for_each(|(used, holds)| *used |= holds);
        holds.contains(&true)
    };
    each(net, |name, _, tensor| {
        if !stays(name) {
            let sound = saved.get::<E>(name, &tensor.sizes()).and_then(|_| saved.check_finite(name));
            errors.extend(sound.err());
            names.insert(name.to_string());
        }
    });
    // what a pattern holds for there has no place here
    let unexpected = saved.names().filter(|name| !names.contains(*name) && !stays(name));
    errors.extend(unexpected.map(|name| StateError::Unexpected { name: name.to_string() }));
    let unused = stay.iter().zip(&used).filter(|(_, used)| !**used).map(|(group, _)| group.pattern.clone());
    errors.extend(unused.map(|pattern| StateError::Pattern { pattern }));
    if errors.is_empty() { Ok(()) } else { Err(StateError::All(errors)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use dfdx::nn::DeviceBuildExt;
    use dfdx::nn::builders::Linear;
    use dfdx::prelude::{AsArray, BroadcastTo, Cpu, PermuteTo, TensorFrom};

    #[test]
    fn all_differences_are_named_and_nothing_changes() {
        let dev = Cpu::default();
        let mut net = dev.build_module::<(Linear<4, 3>, Linear<3, 2>), f32>();
        let before = net.weights();
        let mut other = StateDict::default();
        other.insert("0.weight", &[3, 4], &[1.0f32; 12]);
        other.insert("0.bias", &[4], &[1.0f32; 4]);
        other.insert("1.weight", &[2, 3], &[1.0f64; 6]);
        other.insert("2.weight", &[1], &[1.0f32]);
        let says = net.set_weights(&other).unwrap_err().to_string();
        for part in
            ["`0.bias` is F32 [4], expected F32 [3]", "`1.weight` is of type F64", "no `1.bias`", "has `2.weight`"]
        {
            assert!(says.contains(part), "{says}");
        }
        assert!(!says.contains("0.weight"), "{says}");
        assert_eq!(net.weights(), before);
    }

    #[test]
    fn what_is_left_out_stays_and_the_rest_is_taken_up_strictly() {
        let dev = Cpu::default();
        let trained = dev.build_module::<(Linear<4, 3>, Linear<3, 5>), f32>();
        let mut net = dev.build_module::<(Linear<4, 3>, Linear<3, 2>), f32>();
        let before = net.1.weight.array();
        assert!(net.set_weights(&trained.weights()).is_err());
        net.set_weights_except(&trained.weights(), &["1"]).unwrap();
        assert_eq!((net.0.weight.array(), net.1.weight.array()), (trained.0.weight.array(), before));
        // a name that is none here or there is a mistake, and what is not left out has to be there
        let says = net.set_weights_except(&trained.weights(), &["1", "clasifier"]).unwrap_err().to_string();
        assert!(says.contains("`clasifier`") && says.contains("no tensor"), "{says}");
        let says = net.set_weights_except(&StateDict::default(), &["1"]).unwrap_err().to_string();
        assert!(says.contains("no `0.bias`") && !says.contains("1.bias"), "{says}");
    }

    #[test]
    fn files_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let mut net = Cpu::default().build_module::<Linear<1, 1>, f64>();
        let says = net.load_weights(&path).unwrap_err().to_string();
        assert!(says.contains("weights.safetensors"), "{says}");
        net.save_weights(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for cut in [0, 4, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let says = net.load_weights(&path).unwrap_err().to_string();
            assert!(says.contains("weights.safetensors") && says.contains("no sound safetensors"), "{says}");
        }
        let weight = net.weight.array();
        std::fs::write(&path, bytes).unwrap();
        net.weight = net.weight.clone() + 1.0;
        net.load_weights(&path).unwrap();
        assert_eq!(net.weight.array(), weight);
    }

    #[test]
    fn views_are_saved_as_what_they_mean_and_taken_up_again() {
        let dev = Cpu::default();
        let build = || dev.build_module::<Linear<2, 3>, f32>();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let mut net = build();
        net.weight = dev.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).permute();
        net.bias = dev.tensor(0.5).broadcast();
        net.save_weights(&path).unwrap();
        let mut plain = build();
        plain.load_weights(&path).unwrap();
        assert_eq!(plain.weight.array(), [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
        assert_eq!(plain.bias.array(), [0.5; 3]);
        // into views, each element of its own
        plain.bias = dev.tensor([1.0, 2.0, 3.0]);
        plain.save_weights(&path).unwrap();
        net.load_weights(&path).unwrap();
        assert_eq!(net.weight.array(), plain.weight.array());
        assert_eq!(net.bias.array(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn taking_up_keeps_the_identity_of_a_parameter_and_the_values_of_its_clones() {
        let dev = Cpu::default();
        let mut net = dev.build_module::<Linear<2, 3>, f32>();
        let clone = net.clone();
        let (before, id) = (net.weight.array(), crate::autograd::id(&net.weight));
        let mut other = net.weights();
        other.insert("weight", &[3, 2], &[7.0f32; 6]);
        net.set_weights(&other).unwrap();
        assert_eq!((net.weight.array(), crate::autograd::id(&net.weight)), ([[7.0; 2]; 3], id));
        assert_eq!(clone.weight.array(), before);
    }

    #[test]
    fn what_is_not_finite_is_refused_and_named() {
        let mut net = Cpu::default().build_module::<Linear<1, 2>, f64>();
        let (before, mut state) = (net.weights(), net.weights());
        state.insert("bias", &[2], &[f64::NAN, 1.0]);
        let says = net.set_weights(&state).unwrap_err().to_string();
        assert!(says.contains("`bias`") && says.contains("1 of 2 elements"), "{says}");
        assert_eq!(net.weights(), before);
    }

    #[test]
    fn weights_of_f32_widen_into_a_model_of_f64() {
        let dev = Cpu::default();
        let single = dev.build_module::<Linear<2, 3>, f32>();
        let mut double = dev.build_module::<Linear<2, 3>, f64>();
        double.set_weights(&single.weights()).unwrap();
        assert_eq!(double.weight.array(), single.weight.array().map(|row| row.map(f64::from)));
        let says = dev.build_module::<Linear<2, 3>, f32>().set_weights(&double.weights()).unwrap_err().to_string();
        assert!(says.contains("`weight` is of type F64"), "{says}");
    }
}
