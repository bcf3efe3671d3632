//! What a model's shapes must fulfil, as functions that `#[dyn_model]` calls in constants: what breaks a rule does not
//! compile, and the error names both sides, both shapes and the mend.
//!
//! A rule that needs shapes which are themselves mistaken (an empty map) is silent, so that one mistake gives one error.
//!
//! ```compile_fail
//! use dynvision::{check::check_layer, geometry::{Geometry, Map, Window}};
//! const _: () = check_layer("v2", Geometry::conv(32, 64, Window::same(3, 1)), "`v1`", Map::new(36, 16, 16));
//! ```

use crate::geometry::{Geometry, Map, Window};

/// A frame has channels, rows and columns.
#[track_caller]
pub const fn check_frame(frame: Map) {
    if frame.is_empty() {
        Message::new().text("a dimension of the frame is 0: ").map(frame).panic();
    }
}

/// A layer takes the channels that reach it, and its windows fit. `source` is a name in backticks, or `the frame`.
#[track_caller]
pub const fn check_layer(area: &str, layer: Geometry, source: &str, from: Map) {
    if from.is_empty() {
        return;
    }
    if let Some((takes, gives)) = layer.channels {
        check_channels(area, takes, source, from);
        if gives == 0 {
            Message::new().name(area).text(" produces 0 channels").panic();
        }
    }
    check_window("convolution", area, layer.windows[0], from);
    let between = layer.windows[0].apply(from);
    if !between.is_empty() {
        check_window("second convolution", area, layer.windows[1], between);
    }
}

/// The window of a pooling fits.
#[track_caller]
pub const fn check_pool(area: &str, pool: Geometry, from: Map) {
    if !from.is_empty() {
        check_window("pooling", area, pool.windows[0], from);
    }
}

/// A component that is made for a number of channels (a norm, a user's operation) meets that number.
#[track_caller]
pub const fn check_component(operation: &str, area: &str, takes: usize, from: Map) {
    if !from.is_empty() && takes != from.c {
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

/// A readout takes the features that reach it: the channels, where it averages over space.
#[track_caller]
pub const fn check_readout(readout: &str, takes: usize, source: &str, from: Map) {
    if !from.is_empty() && takes != from.c {
        Message::new()
            .name(readout)
            .text(" takes ")
            .count(takes, "feature")
            .text(", but ")
            .text(source)
            .text(" gives it ")
            .map(from)
            .text(", which is ")
            .count(from.c, "feature")
            .text(" averaged over space; let ")
            .name(readout)
            .text(" take ")
            .number(from.c)
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
        Message::new().text(what).text(" of ").name(area).text(": its ").text(zero).text(" is 0").panic();
    }
    let (height, width) = (from.h + 2 * window.padding, from.w + 2 * window.padding);
    if window.extent() <= height && window.extent() <= width {
        return;
    }
    let message = Message::new().text(what).text(" of ").name(area).text(": kernel ").number(window.kernel);
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

    #[test]
    fn a_layer_that_fits_is_silent() {
        check_layer("v2", Geometry::conv(36, 64, Window::same(3, 2)).then(Window::same(8, 1)), "`v1`", V1);
        check_layer("v2", Geometry::conv(32, 64, Window::new(9, 1, 0)), "`v1`", Map::new(36, 0, 4));
    }

    #[test]
    fn channels() {
        let layer = Geometry::conv(1, 64, Window::same(3, 1));
        assert_eq!(
            said(|| check_layer("v2", layer, "`v1`", V1)),
            "`v2` takes 1 channel, but `v1` gives it 36x16x16; let `v2` take 36"
        );
        assert_eq!(
            said(|| check_component("norm", "v1", 105, V1)),
            "`norm` of `v1` is made for 105 channels, but it gets 36x16x16; make it for 36"
        );
        let nothing = Geometry::conv(36, 0, Window::same(3, 1));
        assert_eq!(said(|| check_layer("v2", nothing, "`v1`", V1)), "`v2` produces 0 channels");
    }

    #[test]
    fn windows() {
        let of = |window: Window| said(move || check_pool("v1", Geometry::pool(window), Map::new(8, 4, 6)));
        assert_eq!(of(Window::new(6, 1, 1)), "");
        assert_eq!(
            of(Window::new(7, 1, 1)),
            "pooling of `v1`: kernel 7 is larger than its padded input 6x8 (it gets 8x4x6, padding 1); use a smaller \
             kernel, or shrink the map less before it"
        );
        assert!(of(Window::new(3, 1, 0).dilated(3)).contains("kernel 3 with dilation 3 spans 7 and is larger than"));
        assert_eq!(of(Window::new(3, 0, 1)), "pooling of `v1`: its stride is 0");
        let second = Geometry::conv(36, 64, Window::same(3, 8)).then(Window::new(3, 1, 0));
        assert!(said(|| check_layer("v2", second, "`v1`", V1)).starts_with("second convolution of `v2`: kernel 3 is"));
    }

    #[test]
    fn features() {
        assert_eq!(
            said(|| check_readout("head", 64, "`v1`", V1)),
            "`head` takes 64 features, but `v1` gives it 36x16x16, which is 36 features averaged over space; let `head` \
             take 36"
        );
        check_readout("head", 36, "`v1`", V1);
    }

    #[test]
    fn a_frame_has_no_zero() {
        check_frame(V1);
        assert_eq!(said(|| check_frame(Map::new(3, 0, 16))), "a dimension of the frame is 0: 3x0x16");
    }
}
