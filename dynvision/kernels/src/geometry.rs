//! Shapes of feature maps: the only shape arithmetic of the project.
//!
//! Every function is `const` and total: where a window does not fit, a dimension is 0. Whether that is a mistake is the
//! business of whoever declares the shapes, so that one mistake gives one error.

/// A feature map: channels, rows, columns.
///
/// ```
/// use dynvision_kernels::geometry::Map;
/// assert_eq!(Map::new(3, 32, 32).to_string(), "3x32x32");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Map {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Map {
    /// A map of `c` channels, `h` rows and `w` columns.
    pub const fn new(c: usize, h: usize, w: usize) -> Self {
        Map { c, h, w }
    }

    /// Number of units, `c * h * w`; the largest number where that is larger.
    pub const fn units(self) -> usize {
        self.c.saturating_mul(self.h).saturating_mul(self.w)
    }

    /// Whether two maps have one size.
    pub const fn same(self, other: Map) -> bool {
        self.c == other.c && self.h == other.h && self.w == other.w
    }

    /// Whether nothing is left of the map.
    pub const fn is_empty(self) -> bool {
        self.units() == 0
    }
}

impl std::fmt::Display for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.c, self.h, self.w)
    }
}

/// A square sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps along each side.
    pub kernel: usize,
    /// Step between two places of the window.
    pub stride: usize,
    /// Rows and columns added on every side.
    pub padding: usize,
    /// Distance between two taps.
    pub dilation: usize,
}

impl Window {
    /// The window that changes nothing.
    pub const POINT: Window = Window::new(1, 1, 0);

    /// A window without dilation.
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Window { kernel, stride, padding, dilation: 1 }
    }

    /// The window whose padding keeps the size at stride 1: `kernel / 2`.
    pub const fn same(kernel: usize, stride: usize) -> Self {
        Window::new(kernel, stride, kernel / 2)
    }

    /// The window with another distance between taps.
    pub const fn dilated(self, dilation: usize) -> Self {
        Window { dilation, ..self }
    }

    /// Rows (or columns) that one place covers, `dilation * (kernel - 1) + 1`; the largest number where that is larger.
    pub const fn extent(self) -> usize {
        if self.kernel == 0 { 0 } else { self.dilation.saturating_mul(self.kernel - 1).saturating_add(1) }
    }

    /// Length of the output along a dimension, `(dim + 2 padding - extent) / stride + 1`; 0 where the window does not fit,
    /// and where the padded input has more rows than memory has addresses.
    ///
    /// ```
    /// use dynvision_kernels::geometry::Window;
    /// assert_eq!(Window::new(3, 2, 1).output_len(32), 16);
    /// assert_eq!(Window::new(5, 1, 0).output_len(4), 0);
    /// assert_eq!(Window::new(1, 1, usize::MAX).output_len(4), 0);
    /// ```
    pub const fn output_len(self, dim: usize) -> usize {
        let padded = self.padding.saturating_mul(2).saturating_add(dim);
        let impossible = dim == 0 || self.stride == 0 || self.kernel == 0 || self.dilation == 0;
        if impossible || padded > isize::MAX as usize || self.extent() > padded {
            0
        } else {
            (padded - self.extent()) / self.stride + 1
        }
    }

    /// The window with the smallest stride and dilation that read the same for `outputs`: a step is taken between two places
    /// only, and a distance is there between two taps only. Its own output is another.
    pub(crate) fn tight(self, outputs: [usize; 2]) -> Window {
        let stride = if outputs[0].max(outputs[1]) <= 1 { 1 } else { self.stride };
        Window { stride, dilation: if self.kernel <= 1 { 1 } else { self.dilation }, ..self }
    }

    /// Whether a padded input of `dims`, laid out in planes for each remainder by the stride, is not much larger than what
    /// there is to read and to write.
    pub(crate) fn is_compact(self, dims: [usize; 2], outputs: [usize; 2]) -> bool {
        let laid_out = |dim: usize| self.padding.checked_mul(2)?.checked_add(dim)?.checked_add(self.stride);
        let area = |[h, w]: [usize; 2]| h.checked_mul(w);
        let planes = laid_out(dims[0]).zip(laid_out(dims[1])).and_then(|(h, w)| h.checked_mul(w));
        let used = area(dims).zip(area(outputs)).and_then(|(x, y)| x.checked_add(y)?.checked_mul(8)?.checked_add(4096));
        planes.zip(used).is_some_and(|(planes, used)| planes <= used)
    }

    /// One window that has as many places as `next` on the places of this one, wherever both fit.
    ///
    /// ```
    /// use dynvision_kernels::geometry::Window;
    /// let both = Window::same(7, 2).before(Window::new(3, 2, 1));
    /// assert_eq!((both.output_len(224), both.stride), (56, 4));
    /// ```
    pub const fn before(self, next: Window) -> Window {
        let reach = next.extent().saturating_sub(1).saturating_mul(self.stride);
        Window::new(
            self.extent().saturating_add(reach),
            self.stride.saturating_mul(next.stride),
            next.padding.saturating_mul(self.stride).saturating_add(self.padding),
        )
    }

    /// The map that is left of `from`.
    pub const fn apply(self, from: Map) -> Map {
        Map { c: from.c, h: self.output_len(from.h), w: self.output_len(from.w) }
    }
}

/// What a convolution reads beyond the border of its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Border {
    /// Zeros.
    #[default]
    Zero,
    /// The input mirrored at its border, without repeating it.
    Reflect,
}

/// A convolution: how its window slides, how its channels are grouped, what stands beyond the border. The number of
/// channels is that of its weight, `(out, in / groups, kernel, kernel)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// How the kernel slides.
    pub window: Window,
    /// Groups of channels that do not see each other; 1 for a full convolution, the number of channels for a depthwise.
    pub groups: usize,
    /// What stands beyond the border.
    pub border: Border,
}

impl Conv {
    /// An ungrouped convolution with zeros beyond the border.
    pub const fn new(window: Window) -> Self {
        Conv { window, groups: 1, border: Border::Zero }
    }

    /// The convolution in `groups` groups.
    pub const fn grouped(self, groups: usize) -> Self {
        Conv { groups, ..self }
    }

    /// The convolution with another border.
    pub const fn bordered(self, border: Border) -> Self {
        Conv { border, ..self }
    }
}

/// What a layer or a pooling does to the shape of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Channels taken and produced; `None` where any number passes through.
    pub channels: Option<(usize, usize)>,
    /// The windows that slide over the map, one after the other; [`Window::POINT`] where there is only one.
    pub windows: [Window; 2],
}

impl Geometry {
    /// One convolution.
    pub const fn conv(takes: usize, gives: usize, window: Window) -> Self {
        Geometry { channels: Some((takes, gives)), windows: [window, Window::POINT] }
    }

    /// A window that treats every channel alike.
    pub const fn pool(window: Window) -> Self {
        Geometry { channels: None, windows: [window, Window::POINT] }
    }

    /// The geometry of this, followed by another window.
    pub const fn then(self, window: Window) -> Self {
        Geometry { channels: self.channels, windows: [self.windows[0], window] }
    }

    /// What becomes of a map.
    pub const fn apply(self, from: Map) -> Map {
        let map = self.windows[1].apply(self.windows[0].apply(from));
        match self.channels {
            Some((_, c)) => Map { c, h: map.h, w: map.w },
            None => map,
        }
    }

    /// Whether two geometries do the same to every map.
    pub const fn same(self, other: Geometry) -> bool {
        let channels = match (self.channels, other.channels) {
            (Some((a, b)), Some((c, d))) => a == c && b == d,
            (None, None) => true,
            _ => false,
        };
        channels && same_window(self.windows[0], other.windows[0]) && same_window(self.windows[1], other.windows[1])
    }
}

const fn same_window(a: Window, b: Window) -> bool {
    a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding && a.dilation == b.dilation
}

/// Which units a normalisation takes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// In each sample, so many groups of adjacent channels.
    Groups(usize),
    /// Each channel over the whole batch.
    Batch,
}

impl Over {
    /// How many means and variances there are in a batch of maps.
    pub const fn blocks(self, batch: usize, channels: usize) -> usize {
        match self {
            Over::Groups(groups) => batch.saturating_mul(groups),
            Over::Batch => channels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts places by sliding.
    fn slide(dim: usize, w: Window) -> usize {
        let padded = dim + 2 * w.padding;
        (0..padded).step_by(w.stride).filter(|at| at + w.dilation * (w.kernel - 1) < padded).count()
    }

    proptest! {
        #[test]
        fn places_are_those_of_a_sliding_window(
            dim in 1usize..40, kernel in 1usize..9, stride in 1usize..5, padding in 0usize..4, dilation in 1usize..4,
        ) {
            let w = Window::new(kernel, stride, padding).dilated(dilation);
            prop_assert_eq!(w.output_len(dim), slide(dim, w));
        }

        #[test]
        fn two_windows_are_one(
            dim in 1usize..60,
            (k1, s1, p1, d1) in (1usize..6, 1usize..4, 0usize..4, 1usize..3),
            (k2, s2, p2, d2) in (1usize..6, 1usize..4, 0usize..4, 1usize..3),
        ) {
            let (first, next) = (Window::new(k1, s1, p1).dilated(d1), Window::new(k2, s2, p2).dilated(d2));
            let places = next.output_len(first.output_len(dim));
            prop_assume!(places > 0);
            prop_assert_eq!(first.before(next).output_len(dim), places);
        }

        #[test]
        fn any_numbers_have_an_output_length(dim: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) {
            let w = Window { kernel, stride, padding, dilation };
            let (padded, extent) = (
                2 * padding as u128 + dim as u128,
                (kernel as u128).checked_sub(1).map(|k| k * dilation as u128 + 1),
            );
            let fits = dim > 0 && stride > 0 && dilation > 0 && padded <= isize::MAX as u128;
            let want = extent.filter(|&extent| fits && extent <= padded).map(|extent| (padded - extent) / stride as u128 + 1);
            prop_assert_eq!(w.output_len(dim) as u128, want.unwrap_or(0));
            let _ = (w.before(w), Geometry::conv(kernel, stride, w).then(w).apply(Map::new(dim, padding, dim)).units());
        }

        #[test]
        fn geometry_is_total(dim in 0usize..9, kernel in 0usize..9, stride in 0usize..3) {
            let w = Window::new(kernel, stride, 0);
            let map = Geometry::conv(3, 4, w).then(w).apply(Map::new(3, dim, dim));
            prop_assert!(map.h <= dim && map.c == 4);
        }
    }
}
