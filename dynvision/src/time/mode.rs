//! What a run is for.

/// Whether a run trains or evaluates: what batch normalisation and dropout do in it. Whether the run records gradients is
/// another question, which the tape answers, so the gradient of a trained model's answer with respect to its input is that
/// of the model as it is evaluated.
///
/// | | [`BatchNorm`](crate::nn::BatchNorm) | [`Dropout`](crate::nn::Dropout), [`Mlp`](crate::nn::Mlp) |
/// |---|---|---|
/// | `Training` | moments of the batch at that step, handed over for the running ones | silences units |
/// | `Evaluation` | running moments | passes all units |
///
/// A [`Stimulus`](crate::unroll::Stimulus::training) says it for a run, and a [`Trainer`](crate::train::Trainer) asks for
/// `Training` where it learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Batch normalisation by the batch, dropout.
    Training,
    /// Batch normalisation by the running moments, no dropout.
    #[default]
    Evaluation,
}
