//! A share of an area's channels, scaled or silenced.

use super::{Intervention, When, readers};
use crate::anatomy::{Anatomy, Parameter};
use dynvision::data::Seed;
use dynvision::protocol::Duration;
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

/// Scales what is heard of `round(share · channels)` channels of an area, drawn by the seed. A larger share of the same seed
/// holds the smaller one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleChannels {
    /// The area's name.
    area: String,
    /// The share of its channels.
    pub(super) share: f64,
    /// The factor.
    #[serde(default)]
    pub(super) scale: f64,
    /// Draws which.
    #[serde(default)]
    seed: Seed,
    #[serde(default)]
    start: Option<Duration>,
    #[serde(default)]
    end: Option<Duration>,
}

impl ScaleChannels {
    /// The channels.
    fn chosen(&self, channels: usize) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.0);
        let order = index::sample(&mut rng, channels, channels);
        order.into_iter().take((self.share * channels as f64).round() as usize).collect()
    }
}

/// How the channels that come in lie in a weight: so many rows before the axis, so many values behind each channel.
fn incoming(parameter: &Parameter, channels: usize) -> Option<[usize; 2]> {
    let behind = |from: usize| parameter.sizes.get(from..).map(|sizes| sizes.iter().product::<usize>());
    match *parameter.sizes.as_slice() {
        [out, 1, _, _] if out == channels => Some([1, behind(1)?]),
        [out, into, ..] if into == channels => Some([out, behind(2)?]),
        _ => None,
    }
}

impl Intervention for ScaleChannels {
    fn when(&self) -> When {
        When { start: self.start, end: self.end }
    }

    fn check(&self, model: &Anatomy) -> Result<(), String> {
        readers::check(model, &self.area)?;
        if self.scale == 1. || self.share == 0. {
            return Ok(());
        }
        if let Some(link) = readers::bare(model, &self.area).next() {
            return Err(format!("link `{}` has no weights of which some could be scaled", link.name));
        }
        let Some((_, area)) = model.area(&self.area) else { return Ok(()) };
        let hear = model.parameters.iter().filter(|p| readers::hears(model, &self.area, p));
        let tells =
            |p: &&Parameter| p.is_direction() || p.name.ends_with(".weight_g") || incoming(p, area.shape[0]).is_none();
        match hear.into_iter().find(tells) {
            Some(p) => Err(format!(
                "`{}` of sizes {:?} hears the {} channels of `{}` by weights that are not one for each; silence the area \
                 instead",
                p.name, p.sizes, area.shape[0], self.area
            )),
            None => Ok(()),
        }
    }

    fn changes(&self, model: &Anatomy, parameter: &Parameter) -> bool {
        self.scale != 1. && self.share > 0. && readers::hears(model, &self.area, parameter)
    }

    fn change(&self, model: &Anatomy, parameter: &Parameter, values: &mut [f32]) {
        let Some((_, area)) = model.area(&self.area) else { return };
        let channels = area.shape[0];
        let Some([rows, behind]) = incoming(parameter, channels) else { return };
        for channel in self.chosen(channels) {
            for row in 0..rows {
                let from = (row * channels + channel) * behind;
                let part = values.get_mut(from..from + behind).unwrap_or_default();
                part.iter_mut().for_each(|x| *x *= self.scale as f32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_share_holds_the_smaller() {
        let of = |share| {
            let area = "v1".into();
            ScaleChannels { area, share, scale: 0., seed: Seed(4), start: None, end: None }.chosen(20)
        };
        assert_eq!((of(0.).len(), of(0.25).len(), of(1.).len()), (0, 5, 20));
        assert_eq!(of(0.25), of(0.5)[..5]);
        let mut all = of(1.);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
