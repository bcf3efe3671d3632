//! The kinds of intervention that come with the crate.

use super::Interventions;
use super::area::ScaleArea;
use super::channels::ScaleChannels;
use super::connection::ScaleConnection;
use super::current::{Current, Noise};
use super::feedforward_only::FeedforwardOnly;

pub(super) fn register(kinds: &mut Interventions) {
    kinds.add::<ScaleConnection>("connection", |i| factor(i.scale));
    kinds.add::<ScaleArea>("area", |i| factor(i.scale));
    kinds.add::<ScaleChannels>("channels", |i| {
        factor(i.scale)?;
        if (0. ..=1.).contains(&i.share) { Ok(()) } else { Err(format!("share = {} must be between 0 and 1", i.share)) }
    });
    kinds.add::<Current>("current", |i| finite("amplitude", i.amplitude));
    kinds.add::<Noise>("noise", |i| {
        finite("std", i.std)?;
        if i.std >= 0. { Ok(()) } else { Err(format!("std = {} must be zero or more", i.std)) }
    });
    kinds.add::<FeedforwardOnly>("feedforward-only", |_| Ok(()));
}

fn finite(name: &str, value: f64) -> Result<(), String> {
    if value.is_finite() { Ok(()) } else { Err(format!("{name} = {value} must be finite")) }
}

fn factor(scale: f64) -> Result<(), String> {
    if scale >= 0. && scale.is_finite() {
        Ok(())
    } else {
        Err(format!("scale = {scale} must be zero or more: 0 silences, 1 changes nothing"))
    }
}
