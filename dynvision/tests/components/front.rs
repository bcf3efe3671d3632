//! What comes before the first area.

use crate::golden::{FORWARD, GRADIENT, Golden};
use dfdx::prelude::*;
use dynvision::cx::Cx;
use dynvision::nn::{InputAdaption, MapOf, Retina, Solver, Spec, TrainedFrom, see};
use dynvision::time::Plan;

#[test]
fn retina() {
    type Eye = Retina<3, 4, 5, 9>;
    let golden = Golden::read("comp_retina");
    let mut eye: <Eye as Spec>::Built<f32, Cpu> = BuildModule::try_build(&Cpu::default()).unwrap();
    let stages = &mut eye.feedforward;
    golden.set(&mut stages.conv.weight, "conv1.weight");
    golden.set(stages.conv.bias.as_mut().unwrap(), "conv1.bias");
    golden.set(&mut stages.conv2.weight, "conv2.weight");
    golden.set(stages.conv2.bias.as_mut().unwrap(), "conv2.bias");
    let grads = golden.run::<3, 4>(|x, cx| {
        let x: MapOf<usize, Const<3>, Const<10>, Const<12>, f32, Cpu> =
            dynvision::ops::retyped("frame", x.clone(), cx)?;
        let y: Option<MapOf<usize, Const<4>, Const<10>, Const<12>, f32, Cpu>> =
            see::<Eye, _, _, _, _, _, _, _, _, _, _>(&eye, Some(x), cx)?;
        dynvision::ops::retyped("answer", y.unwrap(), cx)
    });
    let stages = &eye.feedforward;
    golden.gradient(&grads, &stages.conv.weight, "conv1.weight");
    golden.gradient(&grads, stages.conv.bias.as_ref().unwrap(), "conv1.bias");
    golden.gradient(&grads, &stages.conv2.weight, "conv2.weight");
    golden.gradient(&grads, stages.conv2.bias.as_ref().unwrap(), "conv2.bias");
}

#[test]
fn input_adaption() {
    type Fade = InputAdaption<TrainedFrom<700>>;
    type Frame = MapOf<usize, usize, usize, usize, f32, Cpu>;
    let golden = Golden::read("comp_input_adaption");
    let dev = Cpu::default();
    let fade: <Fade as Spec>::Built<f32, Cpu> = BuildModule::try_build(&dev).unwrap();
    assert_eq!([fade.weight.array()], golden.values("param/recurrence.weight"));
    let of = |tensor| golden.values(tensor).chunks(24).map(|x| dev.tensor_from_vec(x.to_vec(), (2, 3, 1, 4)));
    let frames: Vec<Frame> = of("input").collect();
    let mut cx = Cx::new(OwnedTape::default(), Plan::default());
    let mut seen: Vec<Frame> = Vec::new();
    for frame in &frames {
        seen.push(Fade::solve(&fade, frame.clone(), seen.last(), &mut cx).unwrap());
    }
    golden.near("output", &seen.iter().flat_map(|y| y.as_vec()).collect::<Vec<_>>(), FORWARD);
    let mut loss = dev.zeros().put_tape(cx.tape);
    for (y, g) in seen.iter().zip(of("grad_output")) {
        loss = loss + (y.retaped::<OwnedTape<f32, Cpu>>() * g).sum::<Rank0, _>();
    }
    let grads = loss.backward();
    // later frames are ignored: they have no gradient at all
    let by_frames = frames.iter().enumerate().flat_map(|(t, x)| match t {
        0 => grads.get(x).as_vec(),
        _ => vec![0.0; 24],
    });
    golden.near("grad_input", &by_frames.collect::<Vec<_>>(), GRADIENT);
    golden.near("grad/recurrence.weight", &[grads.get(&fade.weight).array()], GRADIENT);
}
