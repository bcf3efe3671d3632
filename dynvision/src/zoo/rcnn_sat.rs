//! rcnn-sat, seven recurrent layers with a norm for each step.

/// Declares an `RcnnSat`: seven layers of `filters` channels with lateral connections, each with a batch norm for each of `steps`
/// steps. `readout = each` reads out each step; `readout = sum` the sum of what was read out so far, of square images.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::rcnn_sat!(
///     pub struct Small; input = [3, 64, 64], filters = [3, 4, 4, 5, 5, 6, 7], steps = 3, classes = 5, readout = sum
/// );
/// assert_eq!((Small::L6.to_string(), Small::EVIDENCE.to_string()), ("7x1x1".into(), "5x1x1".into()));
/// ```
#[macro_export]
macro_rules! rcnn_sat {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr],
        filters = [$a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr], steps = $t:expr, classes = $n:expr,
        readout = each
    ) => {
        $crate::__rcnn_sat! {
            [$(#[$meta])*] $vis $name [$i, $h, $w] [$a, $b, $c, $d, $e, $f, $g] $t
            []
            [#[readout] classifier: $crate::nn::Classifier<{ $g }, { $n }>,]
        }
    };
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr],
        filters = [$a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr], steps = $t:expr, classes = $n:expr,
        readout = sum
    ) => {
        $crate::__rcnn_sat! {
            [$(#[$meta])*] $vis $name [$i, $h, $w] [$a, $b, $c, $d, $e, $f, $g] $t
            [
                #[area(pool = $crate::nn::AvgPool2d<{ $h / 64 }>, operations = [pool, layer, record, delay])]
                evidence: $crate::nn::RConv2d<
                    { $g }, { $n }, 1, 1, $crate::nn::SelfRecurrence<$crate::nn::Fixed>
                >,
            ]
            [#[readout] classifier: $crate::nn::Flatten<$crate::nn::Units<{ $n }>>,]
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __rcnn_sat {
    (
        [$($meta:tt)*] $vis:vis $name:ident [$i:expr, $h:expr, $w:expr]
        [$a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr] $t:tt [$($more:tt)*] [$($readout:tt)*]
    ) => {
        $($meta)*
        #[$crate::dyn_model(
            crate = $crate,
            input = [$i, $h, $w],
            operations = [layer, norm, nonlin, record, delay, pool],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            #[area(norm = $crate::zoo::StepNorm<{ $a }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l0: $crate::zoo::RcnnSatLayer<{ $i }, { $a }, 7>,
            #[area(norm = $crate::zoo::StepNorm<{ $b }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l1: $crate::zoo::RcnnSatLayer<{ $a }, { $b }, 5>,
            #[area(norm = $crate::zoo::StepNorm<{ $c }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l2: $crate::zoo::RcnnSatLayer<{ $b }, { $c }, 3>,
            #[area(norm = $crate::zoo::StepNorm<{ $d }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l3: $crate::zoo::RcnnSatLayer<{ $c }, { $d }, 3>,
            #[area(norm = $crate::zoo::StepNorm<{ $e }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l4: $crate::zoo::RcnnSatLayer<{ $d }, { $e }, 3>,
            #[area(norm = $crate::zoo::StepNorm<{ $f }, { $t }>, pool = $crate::nn::MaxPool2d<2>)]
            l5: $crate::zoo::RcnnSatLayer<{ $e }, { $f }, 3>,
            #[area(norm = $crate::zoo::StepNorm<{ $g }, { $t }>)]
            l6: $crate::zoo::RcnnSatLayer<{ $f }, { $g }, 1>,
            $($more)*
            $($readout)*
        }
    };
}

/// A layer of rcnn-sat: a convolution and a lateral one, without biases.
pub type RcnnSatLayer<const I: usize, const O: usize, const K: usize> =
    crate::nn::RConv2d<I, O, K, 1, super::Lateral, crate::nn::ToOutput, crate::nn::NoBias>;
/// A batch norm with Keras' constants for each of `N` steps.
pub type StepNorm<const C: usize, const N: usize> =
    crate::nn::PerStep<crate::nn::BatchNormWith<C, crate::nn::KerasNorm>, N>;

rcnn_sat! {
    /// The BL network of rcnn-sat (Spoerer et al. 2020, "Recurrent neural networks can explain flexible trading of speed and
    /// accuracy in biological vision"): `h(n, t) = relu(BN(n, t)(Wb h(n-1, t) + Wl h(n, t-1)))` with a pooling of 2 between layers,
    /// over eight steps. The images are 128x128, from -1 to 1. It has 27,979,605 parameters, of which optimizers update all.
    ///
    /// # Shapes
    /// Frames `(B, 3, 128, 128)` to logits `(B, T, 565)`.
    pub struct RcnnSat;
    input = [3, 128, 128], filters = [96, 128, 192, 256, 512, 1024, 2048], steps = 8, classes = 565, readout = each
}
