//! One convolution with all its sizes.

use crate::geometry::{Border, Conv, Window};

/// A convolution with all its sizes, checked against each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Problem {
    pub window: Window,
    pub border: Border,
    pub groups: usize,
    pub images: usize,
    pub in_channels: usize,
    /// Rows and columns of the input.
    pub input: [usize; 2],
    pub out_channels: usize,
    /// Rows and columns of the output.
    pub output: [usize; 2],
}

impl Problem {
    pub(super) fn new(conv: &Conv, xd: [usize; 4], wd: [usize; 4], yd: [usize; 4]) -> Self {
        let Conv { window, groups, border } = *conv;
        let [images, in_channels, h, w] = xd;
        let [out_channels, inner, ..] = wd;
        assert!(
            groups > 0 && in_channels == inner * groups && out_channels.is_multiple_of(groups),
            "convolution: a weight of {wd:?} in {groups} groups cannot take {xd:?}"
        );
        assert!(wd[2..] == [window.kernel; 2], "convolution: a weight of {wd:?} has no {window:?}");
        let want = [images, out_channels, window.places(h), window.places(w)];
        assert!(yd == want, "convolution: {conv:?} makes {want:?} of {xd:?}, not {yd:?}");
        assert!(
            border == Border::Zero || yd.contains(&0) || window.padding < h.min(w),
            "convolution: reflecting {} rows or columns needs more than that many, not {h}x{w}",
            window.padding
        );
        Problem { window, border, groups, images, in_channels, input: [h, w], out_channels, output: [want[2], want[3]] }
    }

    pub(super) fn check(&self, x: usize, w: usize, y: usize, bias: Option<usize>) {
        assert_eq!(x, self.images * self.input_len(), "convolution: length of the input");
        assert_eq!(w, self.out_channels * self.depth(), "convolution: length of the weight");
        assert_eq!(y, self.images * self.output_len(), "convolution: length of the output");
        assert!(bias.is_none_or(|bias| bias == self.out_channels), "convolution: length of the bias");
    }

    /// The same work with all rows in one, where the window is a single point that reads every value.
    pub(super) fn flattened(&self) -> Problem {
        let point = self.window.kernel == 1 && self.window.stride == 1 && self.window.padding == 0;
        let flat = |[h, w]: [usize; 2]| if point { [1, h * w] } else { [h, w] };
        Problem { input: flat(self.input), output: flat(self.output), ..*self }
    }

    /// Values of one image of the input.
    pub(super) fn input_len(&self) -> usize {
        self.in_channels * self.input[0] * self.input[1]
    }

    /// Values of one image of the output.
    pub(super) fn output_len(&self) -> usize {
        self.out_channels * self.places()
    }

    /// Values of one channel of the output.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Taps of the window.
    pub(super) fn taps(&self) -> usize {
        self.window.kernel * self.window.kernel
    }

    /// Values that one value of the output sums up.
    pub(super) fn depth(&self) -> usize {
        self.group_in() * self.taps()
    }

    /// Channels that one group takes.
    pub(super) fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Channels that one group gives.
    pub(super) fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }
}
