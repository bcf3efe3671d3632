//! A model that has no mistakes which tokens can show: what validation gives, and all that generation sees.

use quote::format_ident;
use syn::{Expr, GenericArgument, Ident, ItemStruct, Path, Type, ext::IdentExt};

/// A described model.
pub(crate) struct Model {
    /// The user's struct, without our attributes.
    pub(crate) item: ItemStruct,
    /// The defaults of its parameters.
    pub(crate) defaults: Vec<GenericArgument>,
    /// The path of the library.
    pub(crate) krate: Path,
    /// Channels, height and width of a frame.
    pub(crate) input: [Expr; 3],
    /// Time constants that differ from the library's.
    pub(crate) dynamics: Vec<Time>,
    /// What sees the frame before the first area.
    pub(crate) retina: Option<Front>,
    /// The solver through which frames go before all else.
    pub(crate) adaption: Option<Front>,
    /// In the order in which they run.
    pub(crate) areas: Vec<Area>,
    pub(crate) readout: Readout,
}

/// A type of the library or of the user.
pub(crate) struct Component {
    /// As written.
    pub(crate) ty: Type,
    /// With the defaults of the model's type parameters put in.
    pub(crate) concrete: Type,
    /// Whether the macro chose it, so that it is what it should be.
    pub(crate) chosen: bool,
    /// Whether a mistake has been reported that may make it another thing than it should be.
    pub(crate) presumed: bool,
}

/// What a frame goes through before the first area.
pub(crate) struct Front {
    /// Its key.
    pub(crate) name: Ident,
    pub(crate) component: Component,
}

/// One area, and the operations that it runs, in order.
pub(crate) struct Area {
    pub(crate) name: Ident,
    /// The number of the area whose output it gets, where that is not the one before it.
    pub(crate) source: Option<usize>,
    pub(crate) layer: Component,
    pub(crate) operations: Vec<Operation>,
    /// Time constants of this area alone.
    pub(crate) times: Vec<Time>,
}

/// An operation that an area really runs, with what runs it.
pub(crate) enum Operation {
    Layer,
    /// Skips or feedbacks into the area.
    Links(Direction, Vec<Link>),
    Tstep(Component),
    Nonlin(Component),
    /// An operation that keeps the shape of a map, by its name in the order.
    Apply(Ident, Component),
    Record,
    Delay,
    Pool(Component),
}

/// A connection from another area.
pub(crate) struct Link {
    /// Its place among all links, in the order in which a step runs them.
    pub(crate) number: usize,
    pub(crate) direction: Direction,
    /// The number of its source.
    pub(crate) from: usize,
    /// The name of its source, where it is written.
    pub(crate) from_name: Ident,
    /// Its delay, where it is not the model's.
    pub(crate) delay: Option<Time>,
    pub(crate) kernel: Option<Expr>,
    pub(crate) stride: Option<Expr>,
    pub(crate) integration: Option<Component>,
    /// Of its convolution.
    pub(crate) options: Option<Component>,
    /// What stands on it in place of all that.
    pub(crate) via: Option<Component>,
    pub(crate) force_conv: bool,
}

/// What ends the model.
pub(crate) struct Readout {
    pub(crate) name: Ident,
    pub(crate) component: Component,
    pub(crate) skips: Vec<Link>,
}

/// A time constant in milliseconds.
pub(crate) struct Time {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

impl Model {
    /// Gives an area another name, where its own cannot be used and has been reported.
    pub(crate) fn rename(&mut self, name: &Ident) {
        let other = format_ident!("{}_renamed", name.unraw(), span = name.span());
        if self.readout.name == *name {
            self.readout.name = other;
            return;
        }
        for area in self.areas.iter_mut().filter(|area| area.name == *name) {
            area.name = other.clone();
        }
        for link in self.links_mut().filter(|link| link.from_name == *name) {
            link.from_name = other.clone();
        }
    }

    fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        let operations = self.areas.iter_mut().flat_map(|area| &mut area.operations);
        let into_areas = operations.flat_map(|operation| match operation {
            Operation::Links(_, links) => &mut links[..],
            _ => &mut [],
        });
        into_areas.chain(&mut self.readout.skips)
    }

    /// Every connection, in the order in which a step runs them, with the number of its target; the readout's number is
    /// that of the areas.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &Link)> {
        let areas = self.areas.iter().enumerate();
        let into_areas =
            areas.flat_map(|(at, area)| area.operations.iter().flat_map(Operation::links).map(move |link| (at, link)));
        into_areas.chain(self.readout.skips.iter().map(|link| (self.areas.len(), link)))
    }
}

/// Which way a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From an earlier area.
    Skip,
    /// From a later area.
    Feedback,
}

impl Direction {
    /// The key and operation.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Direction::Skip => "skip",
            Direction::Feedback => "feedback",
        }
    }
}

impl Operation {
    /// As it stands in the order.
    pub(crate) fn name(&self) -> String {
        match self {
            Operation::Layer => "layer".into(),
            Operation::Links(direction, _) => direction.word().into(),
            Operation::Tstep(_) => "tstep".into(),
            Operation::Nonlin(_) => "nonlin".into(),
            Operation::Record => "record".into(),
            Operation::Delay => "delay".into(),
            Operation::Pool(_) => "pool".into(),
            Operation::Apply(name, _) => name.unraw().to_string(),
        }
    }

    /// The connections that it runs.
    pub(crate) fn links(&self) -> &[Link] {
        match self {
            Operation::Links(_, links) => links,
            _ => &[],
        }
    }

    /// What runs it, if the user can choose.
    pub(crate) fn component(&self) -> Option<&Component> {
        match self {
            Operation::Tstep(it) | Operation::Nonlin(it) | Operation::Pool(it) | Operation::Apply(_, it) => Some(it),
            Operation::Layer | Operation::Links(..) | Operation::Record | Operation::Delay => None,
        }
    }
}
