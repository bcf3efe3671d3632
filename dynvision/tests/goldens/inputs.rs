//! What went into a case: its input and its weights.

use crate::golden::{Golden, made, shape_of};
use dynvision::interop::StateDict;

impl Golden {
    /// The input; made by its formula, and compared bit by bit where it is stored as well.
    pub(crate) fn input(&self) -> (Vec<usize>, Vec<f32>) {
        let (stored, init) = (self.get("input"), &self.json["input_init"]);
        let shape = stored.as_ref().map_or_else(|| shape_of(&init["shape"]), |(shape, _)| shape.clone());
        let values = if init.is_null() { stored.clone().unwrap().1 } else { made(init, &shape) };
        if let Some((_, stored)) = stored {
            assert_eq!(values, stored, "{}: input and its formula", self.name);
        }
        (shape, values)
    }

    /// The weights and buffers by the original's names; made by their formulas, and compared bit by bit where they are stored as well.
    pub(crate) fn params(&self) -> StateDict {
        let mut state = StateDict::default();
        for (name, param) in self.json["params"].as_object().unwrap() {
            let shape = shape_of(&param["shape"]);
            let init = if param["init"].is_null() { param } else { &param["init"] };
            let values = made(init, &shape);
            if let Some((_, stored)) = self.get(&format!("param/{name}")) {
                assert_eq!(values, stored, "{}: {name} and its formula", self.name);
            }
            state.insert(name, &shape, &values);
        }
        for (name, buffer) in self.json["buffer_init"].as_object().into_iter().flatten() {
            let shape = shape_of(&buffer["shape"]);
            state.insert(name, &shape, &made(buffer, &shape));
        }
        state
    }
}
