//! Lists of transforms, those of the original's data sets among them.

use super::{Draw, Filter, Transform, apply_all};
use crate::data::{DataError, Sample};
use crate::geometry::Map;

/// What is done to every sample, in order.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Transforms(Vec<Transform>);

impl Transforms {
    /// A list.
    ///
    /// ```
    /// use dynvision::data::{Transform, Transforms};
    /// let half = Transforms::new(vec![Transform::Grey, Transform::CenterCrop { height: 16, width: 16 }])?;
    /// assert!(!half.is_random());
    /// assert!(Transforms::new(vec![Transform::RandomRotation { degrees: -3.0 }]).is_err());
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// A number out of its range.
    pub fn new(list: Vec<Transform>) -> Result<Self, DataError> {
        list.iter().try_for_each(Transform::check)?;
        Ok(Transforms(list))
    }

    /// Nothing.
    pub fn none() -> Self {
        Transforms::default()
    }

    /// The original's list for training on a data set: photographs of `imagenet` and `imagenette` are resized to 256 and cropped to
    /// 224; `mnist` is turned and moved; every other set is turned by up to 10°, moved by up to 10 %, flipped, and changed
    /// by up to 20 % in brightness, contrast and saturation.
    pub fn train(set: &str) -> Self {
        // grey comes last for `mnist`, once
        let mut list = if set == "mnist" { Vec::new() } else { Transforms::test(set).0 };
        list.extend([
            Transform::RandomRotation { degrees: 10.0 },
            Transform::RandomTranslation { horizontal: 0.1, vertical: 0.1 },
        ]);
        if set == "mnist" {
            list.push(Transform::Grey);
        } else {
            list.extend([
                Transform::RandomHorizontalFlip { probability: 0.5 },
                Transform::ColorJitter { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
            ]);
        }
        Transforms(list)
    }

    /// The original's list for testing and validating on a data set: resize and crop for `imagenet` and `imagenette`, grey for
    /// `mnist` (the original gives three channels, which no model trained on its one channel reads), else nothing.
    pub fn test(set: &str) -> Self {
        match set {
            "imagenet" | "imagenette" => Transforms(vec![
                Transform::ResizeShort { size: 256, filter: Filter::Bilinear },
                Transform::CenterCrop { height: 224, width: 224 },
            ]),
            "mnist" => Transforms(vec![Transform::Grey]),
            _ => Transforms::none(),
        }
    }

    /// Adapts images of any size and colour to a model's input: the short side is resized to the longer side of the input, its centre is cut out,
    /// and colours are made or taken away for three channels or one.
    ///
    /// ```
    /// use dynvision::{data::{Draw, Sample, Transforms, Values}, geometry::Map};
    /// let photograph = Sample::new("photograph", Values::Bytes(vec![9; 3 * 80 * 100]), 1, Map::new(3, 80, 100))?;
    /// let adapted = Transforms::adapting(Map::new(1, 32, 32))?.apply(photograph, Draw::none())?;
    /// assert_eq!(adapted.shape(), Map::new(1, 32, 32));
    /// # Ok::<(), dynvision::data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// An input without a row, a column or a channel.
    pub fn adapting(input: Map) -> Result<Self, DataError> {
        let colours = match input.c {
            0 => {
                let (expected, found) = ("at least 1".to_string(), "0".to_string());
                return Err(DataError::Setting { setting: "channels of the input", expected, found });
            }
            1 => Some(Transform::Grey),
            3 => Some(Transform::Colour),
            _ => None,
        };
        let size = [
            Transform::ResizeShort { size: input.h.max(input.w), filter: Filter::Bilinear },
            Transform::CenterCrop { height: input.h, width: input.w },
        ];
        Transforms::new(size.into_iter().chain(colours).collect())
    }

    /// The list with another transform at its end.
    ///
    /// # Errors
    /// A number out of its range.
    pub fn then(mut self, transform: Transform) -> Result<Self, DataError> {
        transform.check()?;
        self.0.push(transform);
        Ok(self)
    }

    /// The transforms.
    pub fn list(&self) -> &[Transform] {
        &self.0
    }

    /// Whether any draws from chance.
    pub fn is_random(&self) -> bool {
        self.0.iter().any(Transform::is_random)
    }

    /// Transforms a sample: a pure function of its arguments.
    ///
    /// # Errors
    /// A transform that does not fit the sample, such as a crop beyond it; a random one without a seed.
    pub fn apply(&self, sample: Sample, draw: Draw) -> Result<Sample, DataError> {
        if self.0.is_empty() {
            return Ok(sample);
        }
        // a list read from a file has not been checked
        self.0.iter().try_for_each(Transform::check)?;
        apply_all(&self.0, sample, draw)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::data::{Seed, Values};

    fn sample() -> Sample {
        let values = (0..3 * 12 * 10).map(|i| (i * 7 % 256) as u8).collect();
        Sample::new("s", Values::Bytes(values), 1, Map::new(3, 12, 10)).unwrap()
    }

    #[test]
    fn chance_is_a_function_of_seed_epoch_and_index() {
        let list = Transforms::train("cifar10");
        let draw = |seed, epoch, index| list.apply(sample(), Draw::new(Seed(seed), epoch, index)).unwrap();
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert!(draw(1, 2, 3) != draw(2, 2, 3) && draw(1, 2, 3) != draw(1, 3, 3) && draw(1, 2, 3) != draw(1, 2, 4));
        assert!(list.is_random() && list.apply(sample(), Draw::none()).is_err());
    }

    /// The long side of a line, or a number that a file states.
    #[test]
    fn sizes_beyond_any_picture_are_refused() {
        let line = Sample::new("line", Values::Bytes(vec![0; 60_000]), 1, Map::new(1, 60_000, 1)).unwrap();
        let most = usize::MAX;
        for transform in [
            Transform::ResizeShort { size: 1000, filter: Filter::Bilinear },
            Transform::ResizeShort { size: most, filter: Filter::Bilinear },
            Transform::Resize { height: 1, width: 100_000, filter: Filter::Bilinear },
            Transform::CenterCrop { height: most, width: most },
            Transform::RandomCrop { height: most, width: 1, padding: 0 },
            Transform::RandomCrop { height: 1, width: 1, padding: most },
        ] {
            let list = Transforms(vec![transform]);
            let error = list.apply(line.clone(), Draw::new(Seed(0), 0, 0)).unwrap_err().to_string();
            assert!(error.contains("transform"), "{error}");
        }
    }

    #[test]
    fn images_of_any_kind_are_adapted_to_an_input() {
        for shape in [Map::new(3, 12, 10), Map::new(1, 3, 40), Map::new(3, 200, 7)] {
            let image = Sample::new("s", Values::Bytes(vec![9; shape.units()]), 1, shape).unwrap();
            for input in [Map::new(1, 8, 8), Map::new(3, 8, 8), Map::new(3, 5, 9)] {
                let adapted = Transforms::adapting(input).unwrap().apply(image.clone(), Draw::none()).unwrap();
                assert_eq!((adapted.shape(), adapted.values()), (input, &Values::Bytes(vec![9; input.units()])));
            }
        }
        assert!(Transforms::adapting(Map::new(0, 8, 8)).is_err() && Transforms::adapting(Map::new(3, 0, 8)).is_err());
    }

    #[test]
    fn lists_are_written_as_they_are_read() {
        let list = Transforms::train("imagenet");
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<Transforms>(&text).unwrap(), list);
        assert!(serde_json::from_str::<Transforms>(r#"[{"grey": {"much": 1}}]"#).is_err());
    }

    #[test]
    fn floats_take_the_same_way_as_bytes() {
        let bytes = sample();
        let Values::Bytes(values) = bytes.values() else { unreachable!("made of bytes") };
        let floats = Values::Floats(values.iter().map(|&value| f32::from(value)).collect());
        let floats = Sample::new("s", floats, 1, bytes.shape()).unwrap();
        let list = Transforms::none()
            .then(Transform::ResizeShort { size: 7, filter: Filter::Bicubic })
            .and_then(|list| list.then(Transform::RandomRotation { degrees: 30.0 }))
            .unwrap();
        let draw = Draw::new(Seed(0), 0, 0);
        let (bytes, floats) = (list.apply(bytes, draw).unwrap(), list.apply(floats, draw).unwrap());
        let (Values::Bytes(bytes), Values::Floats(floats)) = (bytes.values(), floats.values()) else {
            unreachable!("a transform keeps the kind of value")
        };
        // two roundings, and bytes end at 0 and 255
        assert!(bytes.iter().zip(floats).all(|(&b, &f)| (f32::from(b) - f.clamp(0.0, 255.0)).abs() < 2.0));
    }
}
