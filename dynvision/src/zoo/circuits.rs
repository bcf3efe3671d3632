//! Circuits of cortical theory as networks: divisive normalisation, and Dale's law.

/// Declares a network of one [`Organics`](crate::nn::Organics) circuit of `units` units and a linear readout, driven by vectors.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::organics_net!(pub struct Small; inputs = 5, units = 6, classes = 3);
/// assert_eq!(Small::CIRCUIT.to_string(), "6x1x1");
/// ```
#[macro_export]
macro_rules! organics_net {
    ($(#[$meta:meta])* $vis:vis struct $name:ident; inputs = $i:expr, units = $n:expr, classes = $m:expr) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, 1, 1], operations = [layer, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            circuit: $crate::nn::Organics<{ $i }, { $n }>,
            #[readout]
            classifier: $crate::nn::Classifier<{ $n }, { $m }>,
        }
    };
}

/// Declares a network of `units` rate units that obey Dale's law, of which the first `excitatory` excite
/// ([`EiRates`](crate::nn::EiRates)), with a readout of the same kind.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::ei_net!(pub struct Small; inputs = 3, units = 10, excitatory = 8, outputs = 2);
/// assert_eq!(Small::RATES.to_string(), "10x1x1");
/// ```
#[macro_export]
macro_rules! ei_net {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        inputs = $i:expr, units = $n:expr, excitatory = $x:expr, outputs = $m:expr
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, 1, 1], operations = [layer, record, delay],
            dynamics(dt = 20.0, tau = 100.0, t_feedforward = 0.0, t_recurrence = 20.0),
        )]
        $vis struct $name {
            rates: $crate::nn::EiRates<{ $i }, { $n }, { $x }>,
            #[readout]
            readout: $crate::nn::EiReadout<{ $n }, { $x }, { $m }>,
        }
    };
}

/// Declares a dense network that obeys Dale's law by separate inhibitory units ([`Dann`](crate::nn::Dann)): three layers of
/// `units`, each with so many inhibitory ones.
///
/// ```
/// use dynvision::prelude::*;
/// dynvision::dann_net!(pub struct Small; inputs = 9, units = [7, 6, 4], inhibitory = [2, 3, 1]);
/// assert_eq!(Small::FC2.to_string(), "4x1x1");
/// ```
#[macro_export]
macro_rules! dann_net {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident;
        inputs = $i:expr, units = [$a:expr, $b:expr, $c:expr], inhibitory = [$x:expr, $y:expr, $z:expr]
    ) => {
        $(#[$meta])*
        #[$crate::dyn_model(
            crate = $crate, input = [$i, 1, 1], operations = [layer, nonlin, record, delay],
            dynamics(dt = 1.0, t_feedforward = 0.0, t_recurrence = 1.0),
        )]
        $vis struct $name {
            fc0: $crate::nn::Dann<{ $i }, { $a }, { $x }, 1>,
            fc1: $crate::nn::Dann<{ $a }, { $b }, { $y }, 1>,
            #[area(nonlin = none)]
            fc2: $crate::nn::Dann<{ $b }, { $c }, { $z }, 1>,
            #[readout]
            classifier: $crate::nn::Flatten<$crate::nn::Units<{ $c }>>,
        }
    };
}

organics_net! {
    /// ORGaNICs as they are trained (Rawat, Heeger and Martiniani 2024, "Unconditional stability of a recurrent neural circuit
    /// implementing divisive normalization"): a circuit whose fixed point is divisive normalisation, and a linear readout.
    ///
    /// # Shapes
    /// Frames `(B, 28, 1, 1)` to logits `(B, T, 10)`.
    pub struct OrganicsNet; inputs = 28, units = 64, classes = 10
}

ei_net! {
    /// A network of excitatory and inhibitory rate units (Song, Yang and Wang 2016, "Training excitatory-inhibitory recurrent neural
    /// networks for cognitive tasks"): 80 of 100 units excite, `tau` is 100 ms, no unit acts on itself.
    ///
    /// # Shapes
    /// Frames `(B, 3, 1, 1)` to logits `(B, T, 2)`.
    pub struct EiNet; inputs = 3, units = 100, excitatory = 80, outputs = 2
}

dann_net! {
    /// A network of Dale's law for vectors (Cornford et al. 2021, "Learning to live with Dale's principle: ANNs with separate
    /// excitatory and inhibitory units"), of the layers of its paper's experiments: one inhibitory unit for ten excitatory ones.
    /// It has 763,831 parameters.
    ///
    /// # Shapes
    /// Frames `(B, 784, 1, 1)` to logits `(B, T, 10)`.
    pub struct DannNet; inputs = 784, units = [500, 500, 10], inhibitory = [50, 50, 1]
}
