//! Preprocessing, orders, groups and splits.

use crate::{Case, Golden};
use dfdx::prelude::{Const, ConstDim, Cpu};
use dynvision::data::{
    Draw, Images, Loader, Normalisation, Order, Sample, Seed, Transform, Transforms, Values, group_names,
    group_numbers, split_size,
};
use dynvision::geometry::Map;

pub(crate) fn case(name: &str) -> Option<Case> {
    Some(Case::Compare(match name {
        "preprocess_cifar10" => cifar10,
        "preprocess_mnist_test" => mnist,
        "preprocess_imagenette_geometry" => imagenette,
        "sampler_round_robin" => round_robin,
        "data_groups" => groups,
        "train_val_split" => sizes,
        _ => return None,
    }))
}

fn differs(what: &str, ours: impl std::fmt::Debug, theirs: impl std::fmt::Debug) -> Vec<String> {
    vec![format!("{what}: {ours:?} and not {theirs:?}")]
}

/// The greatest difference, relative to the greatest value.
fn close(golden: &Golden, ours: &[f32], theirs: &[f32]) -> Vec<String> {
    let greatest = theirs.iter().fold(0f32, |greatest, value| greatest.max(value.abs()));
    let worst = ours.iter().zip(theirs).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    let tolerance = golden.json["tolerance"].as_f64().unwrap() as f32 * greatest;
    if ours.len() == theirs.len() && worst <= tolerance {
        vec![]
    } else {
        differs("greatest difference", worst, tolerance)
    }
}

/// Channels before rows, from channels last.
fn channels_first(image: &[u8], c: usize) -> Vec<u8> {
    (0..c).flat_map(|channel| image.iter().skip(channel).step_by(c).copied()).collect()
}

/// What a model sees of images that are prepared for a test on a data set.
fn prepared<C: ConstDim, S: ConstDim>(set: &str, images: Images) -> Vec<f32> {
    let loader =
        Loader::new(images).transforms(Transforms::test(set)).normalisation(Normalisation::of_set(set).unwrap());
    let batches = loader.epoch::<C, S, S, f32, _>(&Cpu::default(), 0).unwrap();
    batches.flat_map(|batch| batch.unwrap().still().images.as_vec()).collect()
}

fn images(pixels: Vec<u8>, shape: Map) -> Images {
    let labels = vec![0; pixels.len() / shape.units()];
    Images::new("golden", pixels, shape, labels, vec!["any".to_string()]).unwrap()
}

fn cifar10(golden: &Golden) -> Vec<String> {
    let (_, pixels) = golden.bytes("pixels");
    let pixels = pixels.chunks(32 * 32 * 3).flat_map(|image| channels_first(image, 3)).collect();
    let ours = prepared::<Const<3>, Const<32>>("cifar10", images(pixels, Map::new(3, 32, 32)));
    close(golden, &ours, &golden.values("image"))
}

/// Ours has one channel for MNIST, as the original has when it trains: its first one.
fn mnist(golden: &Golden) -> Vec<String> {
    let (_, pixels) = golden.bytes("pixels");
    let ours = prepared::<Const<1>, Const<28>>("mnist", images(pixels, Map::new(1, 28, 28)));
    let theirs = golden.values("image");
    let first: Vec<f32> = theirs.chunks(3 * 28 * 28).flat_map(|image| &image[..28 * 28]).copied().collect();
    close(golden, &ours, &first)
}

fn imagenette(golden: &Golden) -> Vec<String> {
    let (shape, pixels) = golden.bytes("pixels");
    let values = Values::Bytes(channels_first(&pixels, 3));
    let sample = Sample::new("golden", values, 1, Map::new(3, shape[1], shape[2])).unwrap();
    let ours = Transforms::test("imagenette").apply(sample, Draw::none()).unwrap();
    let (Values::Bytes(ours), (_, theirs)) = (ours.values(), golden.bytes("image")) else {
        unreachable!("bytes stay bytes")
    };
    // the golden allows 2 grey levels; PIL's arithmetic leaves at most 1
    let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
    if ours.len() == theirs.len() && worst <= Some(1) { vec![] } else { differs("grey levels", worst, 1) }
}

fn round_robin(golden: &Golden) -> Vec<String> {
    let labels: Vec<u16> = golden.integers("labels").into_iter().map(|label| label.try_into().unwrap()).collect();
    let ours: Vec<i64> = Order::RoundRobin.indices(&labels, Seed(0), 0).into_iter().map(|i| i as i64).collect();
    let theirs = golden.integers("order");
    if ours == theirs { vec![] } else { differs("order", ours, theirs) }
}

fn sizes(golden: &Golden) -> Vec<String> {
    let ours =
        |fraction| golden.integers("n").iter().map(|&n| split_size(n as usize, fraction) as i64).collect::<Vec<_>>();
    let wrong = |name, fraction| {
        let theirs = golden.integers(name);
        if ours(fraction) == theirs { vec![] } else { differs(name, ours(fraction), theirs) }
    };
    [wrong("train_0.9", 0.9), wrong("train_0.8", 0.8)].concat()
}

/// Groups, statistics and lists of transforms by data set. The group `catdogs` is by name in ours.
fn groups(golden: &Golden) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, members) in golden.json["groups"].as_object().unwrap() {
        let (set, group) = name.split_once(':').unwrap();
        let theirs: Vec<usize> = members.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        match group_numbers(set, group) {
            Ok(Some(ours)) if ours == theirs => {}
            Ok(None) if name == "tinyimagenet:catdogs" => {}
            other => wrong.extend(differs(name, other, theirs)),
        }
    }
    let ours: usize = golden.json["resolution"].as_object().unwrap().keys().map(|set| group_names(set).count()).sum();
    if ours != golden.json["groups"].as_object().unwrap().len() {
        wrong.push(format!("{ours} groups"));
    }
    for (set, statistics) in golden.json["statistics"].as_object().unwrap() {
        let numbers = |key: &str| -> Vec<f64> {
            statistics[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let ours = Normalisation::of_set(set).unwrap();
        if ours.mean != numbers("mean") || ours.std != numbers("std") {
            wrong.extend(differs(set, ours, statistics));
        }
    }
    for context in ["train", "test"] {
        let presets = golden.json["transform_presets"]["torch"][context].as_object().unwrap();
        for (set, list) in presets.iter().filter(|(set, _)| *set != "ffcv-build") {
            let ours = if context == "train" { Transforms::train(set) } else { Transforms::test(set) };
            let ours: Vec<&str> = ours.list().iter().map(torchvision).collect();
            let theirs: Vec<&str> = list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            if ours != theirs {
                wrong.extend(differs(&format!("{context} {set}"), ours, theirs));
            }
        }
    }
    wrong
}

/// How torchvision writes a transform of the original's lists.
fn torchvision(transform: &Transform) -> &'static str {
    match *transform {
        Transform::ResizeShort { size: 256, .. } => "Resize(256)",
        Transform::CenterCrop { height: 224, width: 224 } => "CenterCrop(224)",
        Transform::RandomRotation { degrees: 10.0 } => "RandomRotation(10)",
        Transform::RandomTranslation { horizontal: 0.1, vertical: 0.1 } => "RandomAffine(0, translate=(0.1, 0.1))",
        Transform::RandomHorizontalFlip { probability: 0.5 } => "RandomHorizontalFlip()",
        Transform::ColorJitter { brightness: 0.2, contrast: 0.2, saturation: 0.2 } => {
            "ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2)"
        }
        Transform::Grey => "Grayscale(num_output_channels=1)",
        _ => "another",
    }
}
