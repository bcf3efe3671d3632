//! Shows each family of models from the literature a handwritten digit, and draws what its areas answer over time.
//!
//! Run: `cargo run --release --example literature -- --out runs/literature`
//!
//! The models are small members of the families in `dynvision::zoo`, as they are before any training: what is drawn is what the
//! wiring does to a digit that comes and goes. Writes one ridge plot for each to `--out`; `docs/literature.md` shows them.

use clap::Parser;
use dfdx::prelude::{BuildOnDevice, NoneTape};
use dynvision::data::mnist5k;
use dynvision::file::atomic;
use dynvision::geometry::Map;
use dynvision::model::FrameShape;
use dynvision::nn::{ConvTranspose2d, HardGates, Leaky, LocalResponseNorm, NoRecurrence, PublishedForm};
use dynvision::plot::{Ridge, Row};
use dynvision::prelude::*;
use dynvision::unroll::{Response, Stacked, Timed, VisitAreas};
use dynvision_examples::{ended, say};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

dynvision::cornet_z! {
    struct CorZ; input = [1, 64, 64], channels = [16, 24, 32, 48], classes = 10
}
dynvision::cornet_r! {
    struct CorR; input = [1, 64, 64], channels = [32, 32, 32, 64], classes = 10
}
dynvision::cornet_s! {
    struct CorS; input = [1, 64, 64], channels = [16, 24, 32, 48], wide = [96, 128, 192], classes = 10
}
dynvision::blt! {
    struct Blt;
    input = [1, 28, 28], features = [32, 32], norm = LocalResponseNorm, top_down = ConvTranspose2d<32, 32>, classes = 10
}
dynvision::rcnn_sat! {
    struct Sat; input = [1, 64, 64], filters = [8, 12, 16, 20, 24, 28, 32], steps = 12, classes = 10, readout = each
}
dynvision::conv_lstm! {
    struct Lstm; input = [1, 28, 28], hidden = [16, 24], kernels = [3, 3], classes = 10
}
dynvision::conv_gru! {
    struct Gru; input = [1, 28, 28], hidden = [16, 24], kernels = [3, 3], classes = 10
}
dynvision::recurrent_attention! {
    struct Attentive; input = [1, 28, 28], features = 16, side = 14, units = 32, classes = 10
}
dynvision::hgru_net! {
    struct Horizontal; input = [1, 28, 28], channels = 12, reach = 9, steps = 12, form = PublishedForm, classes = 10
}
dynvision::spiking_net! {
    struct Spiking; input = [1, 28, 28], channels = [16, 32], last = 14, classes = 10, units = Leaky, tau = 5.0
}
dynvision::organics_net! {
    struct Organic; inputs = 28, units = 64, classes = 10
}
dynvision::ei_net! {
    struct Ei; inputs = 784, units = 100, excitatory = 80, outputs = 10
}
dynvision::dann_net! {
    struct Dale; inputs = 784, units = [100, 50, 10], inhibitory = [10, 5, 1]
}
dynvision::pred_net! {
    struct Predicts; input = [1, 28, 28], channels = [8, 16], representation = [1, 8, 16],
    gates = HardGates, nonlin = Relu, most = 1
}
dynvision::two_streams! {
    struct Streams; input = [1, 32, 32], features = [16, 24, 32, 16, 24], classes = 10, places = 9
}

/// Sees an image, and a cue that says where to look.
#[dyn_model(inputs(image = [1, 28, 28], cue = [1, 7, 7]), operations = [layer, tstep, nonlin, record, delay])]
struct Cued {
    #[area(from = cue)]
    attention: RConv2d<1, 4, 3, 1, NoRecurrence>,
    #[area(from = [image, attention])]
    v1: RConv2d<5, 16>,
    #[readout]
    classifier: Classifier<16, 10>,
}

/// Steps before the digit, with it, and after it.
const BEFORE: usize = 2;
const ON: usize = 6;
const AFTER: usize = 4;
/// Pixels along a side of the digit.
const SIDE: usize = 28;

#[derive(Parser)]
struct Options {
    /// Where the plots are written.
    #[arg(long, default_value = "runs/literature")]
    out: PathBuf,
}

fn main() -> ExitCode {
    ended(run(Options::parse()))
}

fn run(Options { out }: Options) -> Result<(), Box<dyn Error>> {
    atomic::prepare(&out)?; // before time is spent
    let digits = mnist5k::test()?;
    let digit: Vec<f32> = digits.image(0).ok_or("no digits")?.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    let shown = Shown { digit, out };

    shown.flash::<CorZ>("cornet_z", "CORnet-Z", CorZ::INPUT)?;
    shown.flash::<CorR>("cornet_r", "CORnet-R", CorR::INPUT)?;
    shown.flash::<CorS>("cornet_s", "CORnet-S", CorS::INPUT)?;
    shown.flash::<Blt>("blt", "BLT", Blt::INPUT)?;
    shown.flash::<Sat>("rcnn_sat", "rcnn-sat", Sat::INPUT)?;
    shown.flash::<Lstm>("conv_lstm", "ConvLSTM", Lstm::INPUT)?;
    shown.flash::<Gru>("conv_gru", "ConvGRU", Gru::INPUT)?;
    shown.flash::<Attentive>("attention", "Recurrent attention", Attentive::INPUT)?;
    shown.flash::<Horizontal>("hgru", "hGRU", Horizontal::INPUT)?;
    shown.flash::<Spiking>("spiking", "Spiking network: share of units that fire", Spiking::INPUT)?;
    shown.flash::<Ei>("ei", "Excitatory and inhibitory rates", Ei::INPUT)?;
    shown.flash::<Dale>("dann", "Dale's network", Dale::INPUT)?;
    shown.flash::<Predicts>("pred_net", "PredNet", Predicts::INPUT)?;
    shown.flash::<Streams>("two_streams", "Two streams", Streams::INPUT)?;
    shown.rows::<Organic>("organics", "ORGaNICs, one row of the digit at a step")?;
    shown.cued()
}

/// A digit, and where the answers to it go.
struct Shown {
    digit: Vec<f32>,
    out: PathBuf,
}

type Frames<M> = Stimulus<FrameShape<M, usize, f32, Cpu>, f32, Cpu>;

impl Shown {
    /// The digit at another size, each pixel that which lies nearest; as a vector where the input has no extent.
    fn resized(&self, to: Map) -> Vec<f32> {
        if to.c == self.digit.len() {
            return self.digit.clone();
        }
        let near = |at: usize, of: usize| at * SIDE / of;
        (0..to.h * to.w).map(|i| self.digit[near(i / to.w, to.h) * SIDE + near(i % to.w, to.w)]).collect()
    }

    /// Shows the digit for some steps.
    fn flash<M>(&self, name: &str, title: &str, input: Map) -> Result<(), Box<dyn Error>>
    where
        M: BuildOnDevice<Cpu, f32>,
        M::Built: DynModel<f32, Cpu>,
    {
        let dev = Cpu::seed_from_u64(0);
        let net = dev.build_module::<M, f32>();
        let shape = (1, Default::default(), Default::default(), Default::default());
        let on: Vec<bool> = (0..BEFORE + ON + AFTER).map(|t| (BEFORE..BEFORE + ON).contains(&t)).collect();
        let stimulus = Stimulus::presented(dev.tensor_from_vec(self.resized(input), shape), &on, 0.0)?;
        self.draw(name, title, &net, stimulus, (BEFORE, BEFORE + ON))
    }

    /// Shows one row of the digit after the other, as networks for sequences are tested.
    fn rows<M>(&self, name: &str, title: &str) -> Result<(), Box<dyn Error>>
    where
        M: BuildOnDevice<Cpu, f32>,
        M::Built: DynModel<f32, Cpu>,
    {
        let dev = Cpu::seed_from_u64(0);
        let net = dev.build_module::<M, f32>();
        let shape = (1, Default::default(), Default::default(), Default::default());
        let frames = self.digit.chunks(SIDE).map(|row| dev.tensor_from_vec(row.to_vec(), shape)).collect();
        self.draw(name, title, &net, Stimulus::frames(frames, NoneTape), (0, SIDE))
    }

    /// Shows the digit all the time, and a cue to its upper half for some steps.
    fn cued(&self) -> Result<(), Box<dyn Error>> {
        let dev = Cpu::seed_from_u64(0);
        let net = dev.build_module::<Cued, f32>();
        let on: Vec<bool> = (0..BEFORE + ON + AFTER).map(|t| (BEFORE..BEFORE + ON).contains(&t)).collect();
        let cue = (0..Cued::CUE.h * Cued::CUE.w).map(|i| f32::from(u8::from(i / Cued::CUE.w < 3))).collect();
        let cue = dev.tensor_from_vec(cue, (1, Const::<1>, Const::<7>, Const::<7>));
        let digit =
            dev.tensor_from_vec(self.digit.clone(), (1, Default::default(), Default::default(), Default::default()));
        let stimulus = Stimulus::constant(digit, on.len()).beside("cue", Stimulus::presented(cue, &on, 0.0)?)?;
        self.draw("cued", "An image all the time, and a cue while it is shaded", &net, stimulus, (BEFORE, BEFORE + ON))
    }

    /// Draws the mean response of each area, the last area on top.
    fn draw<M: DynModel<f32, Cpu>>(
        &self,
        name: &str,
        title: &str,
        net: &M,
        stimulus: Frames<M>,
        (from, to): (usize, usize),
    ) -> Result<(), Box<dyn Error>> {
        let (_, responses) = net.try_record(stimulus)?;
        let mut means = Means::default();
        M::visit_areas::<Stacked, usize>(&responses, &mut means)?;
        let dt = net.dynamics().dt;
        // a step of 1 has no unit of time in most papers
        let plot = if dt == 1.0 { Ridge::in_steps(title) } else { Ridge::new(title, dt) };
        let plot = means.0.into_iter().rev().fold(plot.shade(from, to), Ridge::row);
        let file = self.out.join(name).with_extension("svg");
        plot.save(&file)?;
        say!("wrote {}", file.display());
        Ok(())
    }
}

/// Means over the units of each area.
#[derive(Default)]
struct Means(Vec<Row>);

impl VisitAreas<Stacked, f32, Cpu> for Means {
    fn area<S: Timed>(&mut self, name: &'static str, response: &Response<S, f32, Cpu>) -> dynvision::error::Result<()> {
        self.0.push(Row::new(name, response.mean_over_units().values().to_vec()));
        Ok(())
    }
}
