//! PredNet: a network that predicts its next frame.

/// Declares a PredNet of three or four levels. `channels` are those of what is predicted above the frame, `most` the largest
/// value of a pixel.
///
/// ```
/// use dynvision::{nn::HardGates, prelude::*};
/// dynvision::pred_net! {
///     pub struct Small; input = [1, 8, 8], channels = [4, 6], representation = [2, 4, 6],
///     gates = HardGates, nonlin = Relu, most = 1
/// }
/// assert_eq!((Small::R1.to_string(), Small::E1.to_string()), ("4x4x4".into(), "8x4x4".into()));
/// let dev = Cpu::default();
/// let net = dev.build_module::<Small, f32>();
/// let frame = dev.sample_uniform_like(&(2, Const, Const, Const));
/// let (_, responses) = net.try_record(Stimulus::constant(frame, 3))?;
/// // the first prediction knows nothing of the frame
/// assert_eq!(responses.error0.values.shape().concrete(), [2, 3, 1, 1, 1]);
/// assert_eq!(responses.e0.memory("prediction").map(|it| it.steps().len()), Some(3));
/// # Ok::<(), Error>(())
/// ```
#[macro_export]
macro_rules! pred_net {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident; input = [$i:expr, $h:expr, $w:expr],
        channels = [$a1:expr, $a2:expr], representation = [$r0:expr, $r1:expr, $r2:expr],
        gates = $gates:ty, nonlin = $nonlin:ty, most = $most:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, nonlin, record, delay, pool], nonlin = none,
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0, t_feedback = 1.0),
        )]
        $vis struct $name {
            #[area(from = feedback(e2))]
            r2: $crate::nn::RepresentationLstm<{ 2 * $a2 }, { $r2 }, 3, $gates>,
            #[area(from = [feedback(e1), r2])]
            r1: $crate::nn::RepresentationLstm<{ 2 * $a1 + $r2 }, { $r1 }, 3, $gates>,
            #[area(from = [feedback(e0), r1])]
            r0: $crate::nn::RepresentationLstm<{ 2 * $i + $r1 }, { $r0 }, 3, $gates>,
            #[area(from = [input, r0])]
            e0: $crate::nn::PredictionError<{ $i }, { $r0 }, 3, { $most }>,
            #[area(nonlin = $nonlin, pool = $crate::nn::MaxPool2d<2>)]
            a1: $crate::nn::RConv2d<{ 2 * $i }, { $a1 }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(from = [a1, r1])]
            e1: $crate::nn::PredictionError<{ $a1 }, { $r1 }>,
            #[area(nonlin = $nonlin, pool = $crate::nn::MaxPool2d<2>)]
            a2: $crate::nn::RConv2d<{ 2 * $a1 }, { $a2 }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(from = [a2, r2])]
            e2: $crate::nn::PredictionError<{ $a2 }, { $r2 }>,
            #[readout(from = e0)]
            error0: $crate::nn::MeanOfUnits,
            #[readout(from = e1)]
            error1: $crate::nn::MeanOfUnits,
            #[readout(from = e2)]
            error2: $crate::nn::MeanOfUnits,
        }
    };
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident; input = [$i:expr, $h:expr, $w:expr],
        channels = [$a1:expr, $a2:expr, $a3:expr], representation = [$r0:expr, $r1:expr, $r2:expr, $r3:expr],
        gates = $gates:ty, nonlin = $nonlin:ty, most = $most:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, nonlin, record, delay, pool], nonlin = none,
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0, t_feedback = 1.0),
        )]
        $vis struct $name {
            #[area(from = feedback(e3))]
            r3: $crate::nn::RepresentationLstm<{ 2 * $a3 }, { $r3 }, 3, $gates>,
            #[area(from = [feedback(e2), r3])]
            r2: $crate::nn::RepresentationLstm<{ 2 * $a2 + $r3 }, { $r2 }, 3, $gates>,
            #[area(from = [feedback(e1), r2])]
            r1: $crate::nn::RepresentationLstm<{ 2 * $a1 + $r2 }, { $r1 }, 3, $gates>,
            #[area(from = [feedback(e0), r1])]
            r0: $crate::nn::RepresentationLstm<{ 2 * $i + $r1 }, { $r0 }, 3, $gates>,
            #[area(from = [input, r0])]
            e0: $crate::nn::PredictionError<{ $i }, { $r0 }, 3, { $most }>,
            #[area(nonlin = $nonlin, pool = $crate::nn::MaxPool2d<2>)]
            a1: $crate::nn::RConv2d<{ 2 * $i }, { $a1 }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(from = [a1, r1])]
            e1: $crate::nn::PredictionError<{ $a1 }, { $r1 }>,
            #[area(nonlin = $nonlin, pool = $crate::nn::MaxPool2d<2>)]
            a2: $crate::nn::RConv2d<{ 2 * $a1 }, { $a2 }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(from = [a2, r2])]
            e2: $crate::nn::PredictionError<{ $a2 }, { $r2 }>,
            #[area(nonlin = $nonlin, pool = $crate::nn::MaxPool2d<2>)]
            a3: $crate::nn::RConv2d<{ 2 * $a2 }, { $a3 }, 3, 1, $crate::nn::NoRecurrence>,
            #[area(from = [a3, r3])]
            e3: $crate::nn::PredictionError<{ $a3 }, { $r3 }>,
            #[readout(from = e0)]
            error0: $crate::nn::MeanOfUnits,
            #[readout(from = e1)]
            error1: $crate::nn::MeanOfUnits,
            #[readout(from = e2)]
            error2: $crate::nn::MeanOfUnits,
            #[readout(from = e3)]
            error3: $crate::nn::MeanOfUnits,
        }
    };
}

pred_net! {
    /// PredNet (Lotter, Kreiman and Cox 2017, "Deep predictive coding networks for video prediction and unsupervised learning") as
    /// trained on KITTI, with 6,915,948 parameters. At each step, from the top down, what represents sees the errors of the
    /// last step, what represents above, and itself:
    ///
    /// ```text
    /// r_l = ConvLSTM([e_l of the last step, up(r_{l+1})])      prediction_l = [W r_l + b]+
    /// e_l = ([prediction_l - a_l]+, [a_l - prediction_l]+)     a_0 = frame, a_{l+1} = pool([W e_l + b]+)
    /// ```
    ///
    /// Each level has a readout, the mean of its errors; the prediction of the frame is `responses.e0.memory("prediction")`.
    ///
    /// # Shapes
    /// Frames `(B, 3, 128, 160)` from 0 to 1; `error0` to `error3` `(B, T, 1)`.
    ///
    /// ```
    /// use dynvision::{parameters::parameters, prelude::*, zoo::PredNet};
    /// let net = Cpu::default().build_module::<PredNet, f32>();
    /// let trained = parameters(&net).iter().filter(|p| p.trained).map(|p| p.shape.iter().product::<usize>()).sum::<usize>();
    /// assert_eq!(trained, 6_915_948);
    /// ```
    pub struct PredNet; input = [3, 128, 160], channels = [48, 96, 192], representation = [3, 48, 96, 192],
    gates = crate::nn::HardGates, nonlin = crate::nn::Relu, most = 1
}
