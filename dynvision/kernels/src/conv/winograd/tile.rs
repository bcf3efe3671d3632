//! What a tile makes and reads.

/// A minimal filter in two dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Tile {
    /// F(2x2, 3x3).
    Two,
    /// F(2x4, 3x3).
    TwoByFour,
    /// F(4x4, 3x3).
    Four,
    /// 2x2 values of a 3x3 convolution at stride 2.
    Halving,
    /// 4x4 values of the adjoint of a 3x3 convolution at stride 2.
    Doubling,
}

impl Tile {
    /// Rows and columns of the output that a tile makes.
    pub(super) fn made(self) -> [usize; 2] {
        match self {
            Tile::Two | Tile::Halving => [2, 2],
            Tile::TwoByFour => [2, 4],
            Tile::Four | Tile::Doubling => [4, 4],
        }
    }

    /// Rows and columns of the input from one tile to the next.
    pub(super) fn step(self) -> [usize; 2] {
        match self {
            Tile::Halving => [4, 4],
            Tile::Doubling => [2, 2],
            _ => self.made(),
        }
    }

    /// Rows of the input that a tile reads.
    pub(super) fn lines(self) -> usize {
        match self {
            Tile::Halving => 5,
            Tile::Doubling => 3,
            _ => self.made()[0] + 2,
        }
    }

    /// Products for each pair of channels.
    pub(super) fn positions(self) -> usize {
        match self {
            Tile::Halving | Tile::Doubling => 25,
            _ => self.made().map(|made| made + 2).iter().product(),
        }
    }

    /// Fewest and most columns of the output in a piece: with those of the input as many as a vector is loaded of.
    pub(super) fn widths(self) -> [usize; 2] {
        match self {
            Tile::Halving => [4, 8],
            Tile::Doubling => [8, 16],
            _ => [4, 16],
        }
    }
}
