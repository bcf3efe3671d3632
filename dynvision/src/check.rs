//! What a model's shapes must fulfil, as functions that `#[dyn_model]` calls in constants: what breaks a rule does not
//! compile, and the error names both sides, both shapes and the mend.
//!
//! A rule that needs shapes which are themselves mistaken (an empty map) is silent, so that one mistake gives one error.
//!
//! ```compile_fail
//! use dynvision::{check::check_layer, geometry::{Geometry, Map, Window}};
//! const LAYER: Geometry = Geometry::conv(32, 64, Window::same(3, 1));
//! const _: () = check_layer("v2", LAYER, None, "`v1`", Map::new(36, 16, 16));
//! ```

use crate::geometry::{EdgeSize, Features, Geometry, Map, Window};

/// A frame has channels, rows and columns.
#[track_caller]
pub const fn check_frame(frame: Map) {
    if frame.is_empty() {
        Message::new().text("a dimension of the frame is 0: ").map(frame).panic();
    }
    if frame.units() > MOST_UNITS {
        Message::new().text("a frame of ").map(frame).text(" has more units than can be counted").panic();
    }
}

/// Whether a map is mistaken, which is told where it is made.
const fn is_unknown(map: Map) -> bool {
    map.is_empty() || map.units() > MOST_UNITS
}

/// Units of a map, which indices of 32 bits count.
const MOST_UNITS: usize = u32::MAX as usize;

/// The geometry of what stands in for a layer that is none, which is reported already. Every map ends there.
pub const MISSING: Geometry = Geometry::conv(0, 0, Window::new(0, 0, 0));

/// The parts of a layer fit each other, it takes the channels that reach it, and its windows fit. `source` is a name in
/// backticks, or `the frame`.
#[track_caller]
pub const fn check_layer(area: &str, layer: Geometry, misfit: Option<&str>, source: &str, from: Map) {
    if let Some(misfit) = misfit {
        Message::new().text("the layer of ").name(area).text(" cannot work: ").text(misfit).panic();
    }
    if is_unknown(from) || layer.same(MISSING) {
        return;
    }
    if let Some((takes, gives)) = layer.channels {
        check_channels(area, takes, source, from);
        if gives == 0 {
            Message::new().name(area).text(" produces 0 channels").panic();
        }
    }
    check_window("the convolution of", area, layer.windows[0], from);
    let made = layer.apply(from);
    if made.units() > MOST_UNITS {
        Message::new().name(area).text(" makes maps of ").map(made).text(", of more units than can be counted").panic();
    }
    let between = layer.windows[0].apply(from);
    if !between.is_empty() {
        check_window("the second convolution of", area, layer.windows[1], between);
    }
}

/// The convolution of a connection fits the maps that it comes from. `link` is what it is called, as in ``the skip from `v1` into``.
#[track_caller]
pub const fn check_link(link: &str, into: &str, kernel: usize, stride: usize, from: Map) {
    if !is_unknown(from) {
        check_window(link, into, Window::same(kernel, stride), from);
    }
}

/// What stands on a connection takes the channels of its source and brings a map of the size of its target. `link` is what it
/// is called, as in ``the feedback from `v2` into``. A part of no channels stands in for a mistake that is reported already.
#[track_caller]
pub const fn check_edge(
    link: &str,
    into: &str,
    misfit: Option<&str>,
    (takes, gives): (usize, usize),
    size: EdgeSize,
    from: Map,
    to: Map,
) {
    if let Some(misfit) = misfit {
        Message::new().text(link).text(" ").name(into).text(" cannot work: ").text(misfit).panic();
    }
    if is_unknown(from) || to.is_empty() || (takes == 0 && gives == 0) {
        return;
    }
    if takes != from.c {
        Message::new()
            .text(link)
            .text(" ")
            .name(into)
            .text(" takes ")
            .count(takes, "channel")
            .text(", but its source gives it ")
            .map(from)
            .text("; let it take ")
            .number(from.c)
            .panic();
    }
    let [h, w] = match size.apply(from) {
        Some(size) => size,
        None => [to.h, to.w],
    };
    let brings = Map::new(gives, h, w);
    if !brings.same(to) {
        Message::new()
            .text(link)
            .text(" ")
            .name(into)
            .text(" brings ")
            .map(brings)
            .text(", but it meets ")
            .map(to)
            .text("; let it bring that")
            .panic();
    }
}

/// The window of a pooling fits, and none of its places is nothing but padding.
#[track_caller]
pub const fn check_pool(area: &str, pool: Geometry, from: Map) {
    if is_unknown(from) {
        return;
    }
    let window = pool.windows[0];
    check_window("the pooling of", area, window, from);
    if !(sees_input(window, from.h) && sees_input(window, from.w)) {
        Message::new()
            .text("the pooling of ")
            .name(area)
            .text(": kernel ")
            .number(window.kernel)
            .text(" with padding ")
            .number(window.padding)
            .text(" has windows of nothing but padding (it gets ")
            .map(from)
            .text("); use a padding of at most ")
            .number(window.kernel / 2)
            .panic();
    }
}

/// A layer that reads its own past gets it in the shape of what it gives: a pooling before `delay` does not change it.
#[track_caller]
pub const fn check_state(area: &str, is_recurrent: bool, layer: Map, state: Map) {
    if is_recurrent && !layer.is_empty() && !state.is_empty() && !layer.same(state) {
        Message::new()
            .text("the recurrence of ")
            .name(area)
            .text(" would never act: its layer gives ")
            .map(layer)
            .text(", but `pool` before `delay` leaves a state of ")
            .map(state)
            .text("; move `pool` after `delay`, or give the layer `NoRecurrence`")
            .panic();
    }
}

/// Whether every place of a window has a tap on the input, along one dimension.
const fn sees_input(window: Window, dim: usize) -> bool {
    let mut place = 0;
    while place < window.output_len(dim) {
        let (mut tap, mut sees) = (0, false);
        while tap < window.kernel {
            let at = place.saturating_mul(window.stride).saturating_add(tap.saturating_mul(window.dilation));
            sees = sees || (at >= window.padding && at < dim.saturating_add(window.padding));
            tap += 1;
        }
        if !sees {
            return false;
        }
        place += 1;
    }
    true
}

/// An operation has parameters that can be meant, and one that is made for a number of channels (a norm, a user's own) or for one size of map (a bias for each unit)
/// meets it.
#[track_caller]
pub const fn check_operation(
    operation: &str,
    area: &str,
    misfit: Option<&str>,
    channels: Option<usize>,
    map: Option<Map>,
    from: Map,
) {
    if let Some(misfit) = misfit {
        Message::new().name(operation).text(" of ").name(area).text(" cannot work: ").text(misfit).panic();
    }
    if is_unknown(from) {
        return;
    }
    if let Some(takes) = map
        && !takes.same(from)
    {
        Message::new()
            .name(operation)
            .text(" of ")
            .name(area)
            .text(" is made for ")
            .map(takes)
            .text(", but it gets ")
            .map(from)
            .text("; make it for that")
            .panic();
    }
    if let Some(takes) = channels
        && takes != from.c
    {
        Message::new()
            .name(operation)
            .text(" of ")
            .name(area)
            .text(" is made for ")
            .count(takes, "channel")
            .text(", but it gets ")
            .map(from)
            .text("; make it for ")
            .number(from.c)
            .panic();
    }
}

/// A readout takes the features that reach it.
#[track_caller]
pub const fn check_readout(readout: &str, takes: Features, source: &str, from: Map) {
    if is_unknown(from) {
        return;
    }
    let (takes, features, how) = match takes {
        Features::Channels(takes) => (takes, from.c, " averaged over space"),
        Features::Units(takes) => (takes, from.units(), ""),
        Features::Any => return,
    };
    if takes != features {
        Message::new()
            .name(readout)
            .text(" takes ")
            .count(takes, "feature")
            .text(", but ")
            .text(source)
            .text(" gives it ")
            .map(from)
            .text(", which is ")
            .count(features, "feature")
            .text(how)
            .text("; let ")
            .name(readout)
            .text(" take ")
            .number(features)
            .panic();
    }
}

/// A readout tells classes apart.
#[track_caller]
pub const fn check_classes(readout: &str, classes: usize) {
    if classes == 0 {
        Message::new().name(readout).text(" has 0 classes; give it as many as there are labels").panic();
    }
    if classes > MOST_UNITS {
        Message::new().name(readout).text(" has more classes than can be counted, ").number(classes).panic();
    }
}

/// A layer that depends on a parameter of the model has the shapes of the parameter's default.
#[track_caller]
pub const fn check_same(area: &str, layer: Geometry, default: Geometry) {
    if !layer.same(default) {
        Message::new()
            .text("a type parameter changes the shape of ")
            .name(area)
            .text(": its shapes are those of the parameter's default; write a model of its own for this type")
            .panic();
    }
}

#[track_caller]
const fn check_channels(area: &str, takes: usize, source: &str, from: Map) {
    if takes != from.c {
        Message::new()
            .name(area)
            .text(" takes ")
            .count(takes, "channel")
            .text(", but ")
            .text(source)
            .text(" gives it ")
            .map(from)
            .text("; let ")
            .name(area)
            .text(" take ")
            .number(from.c)
            .panic();
    }
}

/// A window has a size and a step, and is not larger than what it slides over.
#[track_caller]
const fn check_window(what: &str, area: &str, window: Window, from: Map) {
    let zero = match window {
        Window { kernel: 0, .. } => "kernel",
        Window { stride: 0, .. } => "stride",
        Window { dilation: 0, .. } => "dilation",
        _ => "",
    };
    if !zero.is_empty() {
        Message::new().text(what).text(" ").name(area).text(": its ").text(zero).text(" is 0").panic();
    }
    let around = window.padding.saturating_mul(2);
    let (height, width) = (from.h.saturating_add(around), from.w.saturating_add(around));
    if height > isize::MAX as usize || width > isize::MAX as usize {
        Message::new()
            .text(what)
            .text(" ")
            .name(area)
            .text(": kernel ")
            .number(window.kernel)
            .text(" with padding ")
            .number(window.padding)
            .text(" is larger than memory; use a smaller one")
            .panic();
    }
    if window.extent() <= height && window.extent() <= width {
        return;
    }
    let message = Message::new().text(what).text(" ").name(area).text(": kernel ").number(window.kernel);
    let message = match window.dilation {
        1 => message,
        dilation => {
            message.text(" with dilation ").number(dilation).text(" spans ").number(window.extent()).text(" and")
        }
    };
    message
        .text(" is larger than its padded input ")
        .number(height)
        .text("x")
        .number(width)
        .text(" (it gets ")
        .map(from)
        .text(", padding ")
        .number(window.padding)
        .text("); use a smaller kernel, or shrink the map less before it")
        .panic()
}

/// A message that is put together in a constant.
struct Message {
    bytes: [u8; Message::CAPACITY],
    length: usize,
}

impl Message {
    /// More than the longest message; what goes beyond is cut.
    const CAPACITY: usize = 640;

    const fn new() -> Self {
        Message { bytes: [0; Message::CAPACITY], length: 0 }
    }

    const fn text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() && self.length < Message::CAPACITY {
            self.bytes[self.length] = text[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    /// A name of the user's, in backticks.
    const fn name(self, name: &str) -> Self {
        self.text("`").text(name).text("`")
    }

    const fn number(self, number: usize) -> Self {
        let message = if number > 9 { self.number(number / 10) } else { self };
        const DIGITS: &str = "0123456789";
        let (_, from) = DIGITS.split_at(number % 10);
        message.text(from.split_at(1).0)
    }

    /// `1 channel`, `3 channels`.
    const fn count(self, number: usize, what: &str) -> Self {
        let message = self.number(number).text(" ").text(what);
        if number == 1 { message } else { message.text("s") }
    }

    const fn map(self, map: Map) -> Self {
        self.number(map.c).text("x").number(map.h).text("x").number(map.w)
    }

    #[track_caller]
    const fn panic(self) -> ! {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(message) => panic!("{}", message),
            Err(_) => panic!("a shape of the model does not fit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a check says of a mistake.
    fn said(check: impl FnOnce() + std::panic::UnwindSafe) -> String {
        match std::panic::catch_unwind(check) {
            Ok(()) => String::new(),
            Err(said) => said.downcast_ref::<String>().cloned().unwrap_or_default(),
        }
    }

    const V1: Map = Map::new(36, 16, 16);

    fn fits(layer: Geometry, from: Map) {
        check_layer("v2", layer, None, "`v1`", from);
    }

    #[test]
    fn a_layer_that_fits_is_silent() {
        fits(Geometry::conv(36, 64, Window::same(3, 2)).then(Window::same(8, 1)), V1);
        fits(Geometry::conv(32, 64, Window::new(9, 1, 0)), Map::new(36, 0, 4));
    }

    #[test]
    fn channels() {
        let layer = Geometry::conv(1, 64, Window::same(3, 1));
        assert_eq!(said(|| fits(layer, V1)), "`v2` takes 1 channel, but `v1` gives it 36x16x16; let `v2` take 36");
        assert_eq!(
            said(|| check_operation("norm", "v1", None, Some(105), None, V1)),
            "`norm` of `v1` is made for 105 channels, but it gets 36x16x16; make it for 36"
        );
        check_operation("addbias", "v1", None, Some(36), Some(V1), V1);
        assert_eq!(
            said(|| check_operation("addbias", "v1", None, Some(36), Some(Map::new(36, 8, 16)), V1)),
            "`addbias` of `v1` is made for 36x8x16, but it gets 36x16x16; make it for that"
        );
        let nothing = Geometry::conv(36, 0, Window::same(3, 1));
        assert_eq!(said(|| fits(nothing, V1)), "`v2` produces 0 channels");
    }

    #[test]
    fn layers_agree_with_themselves() {
        let [layer, other] = [36, 32].map(|takes| Geometry::conv(takes, 64, Window::same(3, 1)));
        let misfit = Some("its parts differ");
        assert_eq!(
            said(move || check_layer("v2", layer, misfit, "`v1`", V1)),
            "the layer of `v2` cannot work: its parts differ"
        );
        assert!(said(move || check_same("v2", layer, other)).starts_with("a type parameter changes the shape of `v2`"));
    }

    #[test]
    fn windows() {
        let of = |window: Window| said(move || check_pool("v1", Geometry::pool(window), Map::new(8, 4, 6)));
        assert_eq!(of(Window::new(6, 1, 1)), "");
        assert_eq!(
            of(Window::new(7, 1, 1)),
            "the pooling of `v1`: kernel 7 is larger than its padded input 6x8 (it gets 8x4x6, padding 1); use a smaller \
             kernel, or shrink the map less before it"
        );
        assert!(of(Window::new(3, 1, 0).dilated(3)).contains("kernel 3 with dilation 3 spans 7 and is larger than"));
        assert_eq!(of(Window::new(3, 0, 1)), "the pooling of `v1`: its stride is 0");
        let second = Geometry::conv(36, 64, Window::same(3, 8)).then(Window::new(3, 1, 0));
        assert!(said(|| fits(second, V1)).starts_with("the second convolution of `v2`: kernel 3 is"));
    }

    #[test]
    fn a_pooling_sees_its_input() {
        let of = |window: Window, from: Map| said(move || check_pool("v1", Geometry::pool(window), from));
        assert_eq!(
            of(Window::new(2, 2, 2), Map::new(8, 4, 6)),
            "the pooling of `v1`: kernel 2 with padding 2 has windows of nothing but padding (it gets 8x4x6); use a padding \
             of at most 1"
        );
        assert_eq!(of(Window::new(3, 2, 1), Map::new(8, 1, 1)), "");
        assert!(of(Window::new(2, 1, 1).dilated(3), Map::new(8, 2, 2)).contains("nothing but padding"));
        assert!(of(Window::new(2, 3, 1), Map::new(8, 3, 4)).is_empty());
    }

    #[test]
    fn a_recurrence_has_a_state_of_its_shape() {
        let pooled = Map::new(36, 8, 8);
        assert_eq!(
            said(move || check_state("v1", true, V1, pooled)),
            "the recurrence of `v1` would never act: its layer gives 36x16x16, but `pool` before `delay` leaves a state of \
             36x8x8; move `pool` after `delay`, or give the layer `NoRecurrence`"
        );
        check_state("v1", false, V1, pooled);
        check_state("v1", true, V1, V1);
    }

    #[test]
    fn features() {
        assert_eq!(
            said(|| check_readout("head", Features::Channels(64), "`v1`", V1)),
            "`head` takes 64 features, but `v1` gives it 36x16x16, which is 36 features averaged over space; let `head` \
             take 36"
        );
        check_readout("head", Features::Channels(36), "`v1`", V1);
        assert!(
            said(|| check_readout("head", Features::Units(36), "`v1`", V1))
                .ends_with("gives it 36x16x16, which is 9216 features; let `head` take 9216")
        );
    }

    #[test]
    fn sizes_beyond_all_reason_are_told_and_not_computed() {
        let huge = usize::MAX;
        assert!(
            said(|| check_frame(Map::new(1, huge, 8)))
                .starts_with("a frame of 1x18446744073709551615x8 has more units")
        );
        let of = |window: Window| said(move || fits(Geometry::conv(36, 64, window), V1));
        assert!(of(Window::same(huge, 1)).ends_with("is larger than memory; use a smaller one"));
        assert!(of(Window::new(huge, 1, 0)).contains("is larger than its padded input 16x16"));
        assert_eq!(of(Window::same(3, huge)), "");
        assert!(
            said(|| fits(Geometry::conv(36, huge, Window::same(3, 1)), V1))
                .starts_with("`v2` makes maps of 18446744073709551615x")
        );
        for padding in [1 << 40, huge / 2, huge] {
            let window = Window::new(3, 1, padding);
            let said = said(move || check_pool("v1", Geometry::pool(window), Map::new(8, 4, 6)));
            assert!(said.contains("padding"), "{said}");
        }
        assert!(said(|| check_link("the skip from `v1` into", "v2", huge, 1, V1)).contains("larger than memory"));
        let none = said(|| check_classes("head", 0));
        assert_eq!(none, "`head` has 0 classes; give it as many as there are labels");
        assert!(said(|| check_classes("head", huge)).contains("more classes than can be counted"));
    }

    #[test]
    fn a_frame_has_no_zero() {
        check_frame(V1);
        assert_eq!(said(|| check_frame(Map::new(3, 0, 16))), "a dimension of the frame is 0: 3x0x16");
    }
}
