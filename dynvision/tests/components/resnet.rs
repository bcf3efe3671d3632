//! ResNet18 against a recording of torchvision's, which the original applies to each frame.

use dfdx::prelude::*;
use dynvision::model::DynModel;
use dynvision::time::Stimulus;
use serde_json::Value;

dynvision::resnet18! {
    struct Recorded; input = [3, 32, 32], classes = 5
}

/// Values that follow from a seed, as the recording says.
fn hashed(n: usize, init: &Value) -> Vec<f32> {
    let number = |key: &str| init[key].as_f64().unwrap();
    let seed = (number("seed") as u32).wrapping_mul(0x85EB_CA77);
    let value = |i: usize| {
        let mut h = (i as u32).wrapping_mul(0x9E37_79B1).wrapping_add(seed).wrapping_add(1);
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        h ^= h >> 16;
        (number("offset") + number("scale") * (2.0 * (f64::from(h) / 4_294_967_296.0) - 1.0)) as f32
    };
    (0..n).map(value).collect()
}

/// Gives every tensor the values of its counterpart.
struct Set(Value);
impl TensorVisitor<f32, Cpu> for Set {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;
    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        (t, name): (&mut Tensor<S, f32, Cpu>, String),
    ) -> Result<Option<Tensor<S, f32, Cpu>>, CpuError> {
        let heads = [("stem.conv.", "conv1."), ("stem_norm.", "bn1."), ("classifier.", "fc.")];
        let renamed = heads.iter().find_map(|(ours, theirs)| Some(theirs.to_string() + name.strip_prefix(ours)?));
        let theirs = renamed.unwrap_or(name);
        let init = match &self.0["params"][&theirs] {
            Value::Null => &self.0["buffer_init"][&theirs],
            parameter => &parameter["init"],
        };
        assert!(init.is_object(), "the recording has no {theirs}");
        t.copy_from(&hashed(t.shape().num_elements(), init));
        Ok(None)
    }
}

#[test]
fn answers_are_those_of_the_recording() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/resnet18_patched");
    let bytes = std::fs::read(format!("{folder}.safetensors")).unwrap();
    let file = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &str| -> Vec<f32> {
        let bytes = file.tensor(name).unwrap().data().to_vec();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let json = std::fs::read_to_string(format!("{folder}.json")).unwrap();
    let dev = Cpu::default();
    let mut net = dev.build_module::<Recorded, f32>();
    let mut set = Set(serde_json::from_str(&json).unwrap());
    RecordedModel::<f32, Cpu>::iter_tensors(&mut RecursiveWalker { m: (&mut net, String::new()), f: &mut set })
        .unwrap();

    // (batch, time, 3, 32, 32)
    let (images, frame) = (read("input"), 3 * 32 * 32);
    let at = |t: usize| (0..2).flat_map(|b| images[(b * 2 + t) * frame..][..frame].to_vec()).collect::<Vec<_>>();
    let frames = (0..2).map(|t| dev.tensor_from_vec(at(t), (2usize, Const, Const, Const))).collect();
    let (logits, responses) = net.try_record(Stimulus::frames(frames, NoneTape)).unwrap();
    let near = |what: &str, found: Vec<f32>| {
        let want = read(what);
        let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = found.iter().zip(&want).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(found.len() == want.len() && off <= 1e-5 * largest, "{what} is off by {off} of {largest}");
    };
    near("response/layer2", responses.layer2.values.as_vec());
    near("response/layer3", responses.layer3.values.as_vec());
    near("response/layer4", responses.layer4.values.as_vec());
    near("output", logits.as_vec());
}

#[test]
fn it_has_the_parameters_of_the_paper() {
    let trained = Cpu::default().build_module::<dynvision::zoo::ResNet18, f32>().summary().parameters().1;
    assert_eq!(trained, 11_689_512);
}
