//! A network with horizontal connections that are gated.

/// Declares an `HGruNet`: a convolution of 7x7, horizontal connections over `reach` for each of `steps` steps in the form `form`,
/// and a readout of each map's maximum.
///
/// ```
/// use dynvision::{nn::PaperForm, prelude::*};
/// dynvision::hgru_net!(
///     pub struct Small; input = [1, 20, 20], channels = 5, reach = 5, steps = 4, form = PaperForm, classes = 2
/// );
/// assert_eq!(Small::HORIZONTAL.to_string(), "5x20x20");
/// ```
#[macro_export]
macro_rules! hgru_net {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        input = [$i:expr, $h:expr, $w:expr], channels = $c:expr, reach = $k:expr, steps = $t:expr, form = $form:ty,
        classes = $n:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, $h, $w], operations = [layer, nonlin, record, delay], nonlin = none,
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            #[area(nonlin = $crate::nn::Relu)]
            filters: $crate::nn::RConv2d<{ $i }, { $c }, 7, 1, $crate::nn::NoRecurrence>,
            horizontal: $crate::nn::HGru<{ $c }, { $k }, { $t }, $form>,
            #[readout]
            classifier: $crate::nn::GlobalMaxPool<$crate::nn::Linear<{ $c }, { $n }>>,
        }
    };
}

hgru_net! {
    /// Horizontal connections that are gated (Linsley et al. 2018, "Learning long-range spatial dependencies with horizontal gated
    /// recurrent units"), in the form of the authors' code: 25 channels over 15x15 units for eight steps, 142,058 parameters in
    /// the [`HGru`](crate::nn::HGru). The authors' filters are fixed Gabors whose answers are squared; these are trained and
    /// rectified.
    ///
    /// # Shapes
    /// Frames `(B, 1, 150, 150)` to logits `(B, T, 2)`.
    pub struct HGruNet;
    input = [1, 150, 150], channels = 25, reach = 15, steps = 8, form = crate::nn::PublishedForm, classes = 2
}
