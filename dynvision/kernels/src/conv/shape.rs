//! One convolution with all its sizes.

use crate::error::{Result, of_sizes, require};
use crate::geometry::{Border, Conv, Window};

const OPERATION: &str = "convolution";

/// Elements of the largest matrix of values under the window of one image.
const MATRIX: usize = 1 << 28;

/// A convolution with all its sizes, checked against each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ConvShape {
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

impl ConvShape {
    /// Checks all sizes.
    pub(super) fn new(conv: &Conv, xd: [usize; 4], wd: [usize; 4], yd: [usize; 4]) -> Result<Self> {
        let Conv { window, groups, border } = *conv;
        let [images, in_channels, h, w] = xd;
        let [out_channels, inner, ..] = wd;
        let divided =
            groups > 0 && inner.checked_mul(groups) == Some(in_channels) && out_channels.is_multiple_of(groups);
        require(divided, OPERATION, || format!("a weight of {wd:?} in {groups} groups cannot take {xd:?}"))?;
        require(wd[2..] == [window.kernel; 2], OPERATION, || format!("a weight of {wd:?} has no {window:?}"))?;
        let want = [images, out_channels, window.output_len(h), window.output_len(w)];
        require(yd == want, OPERATION, || format!("{conv:?} makes {want:?} of {xd:?}, not {yd:?}"))?;
        require(in_channels > 0 || yd.contains(&0), OPERATION, || format!("there are no channels in {xd:?}"))?;
        let mirrored = border == Border::Zero || yd.contains(&0) || window.padding < h.min(w);
        require(mirrored, OPERATION, || {
            format!("reflecting {} rows or columns needs more than that many, not {h}x{w}", window.padding)
        })?;
        let (input, output) = ([h, w], [want[2], want[3]]);
        Ok(ConvShape { window: window.tight(output), border, groups, images, in_channels, input, out_channels, output })
    }

    /// Checks the lengths of input, weight, output and bias.
    pub(super) fn check(&self, x: usize, w: usize, y: usize, bias: Option<usize>) -> Result {
        let ConvShape { images, in_channels, input, out_channels, output, groups, window, .. } = *self;
        of_sizes(OPERATION, "the input", x, &[images, in_channels, input[0], input[1]])?;
        of_sizes(OPERATION, "the weight", w, &[out_channels, in_channels / groups, window.kernel, window.kernel])?;
        of_sizes(OPERATION, "the output", y, &[images, out_channels, output[0], output[1]])?;
        of_sizes(OPERATION, "the bias", bias.unwrap_or(out_channels), &[out_channels])
    }

    /// Whether the padded input, or a matrix of all values under the window, is much larger than what there is to read and to
    /// write.
    pub(super) fn is_sparse(&self) -> bool {
        let matrix = self.depth().checked_mul(self.places());
        self.border == Border::Zero
            && (!self.window.is_compact(self.input, self.output) || matrix.is_none_or(|len| len > MATRIX))
    }

    /// Whether the window is a single point that reads every value.
    pub(super) fn is_pointwise(&self) -> bool {
        // one that stands at one place only has stride 1 here, whatever was asked for
        (self.window.kernel, self.window.padding) == (1, 0) && self.input == self.output
    }

    /// The shape with all rows in one, where the window is a single point that reads every value.
    pub(super) fn flattened(&self) -> ConvShape {
        let flat = |[h, w]: [usize; 2]| if self.is_pointwise() { [1, h * w] } else { [h, w] };
        ConvShape { input: flat(self.input), output: flat(self.output), ..*self }
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
