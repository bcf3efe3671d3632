//! A model that has no mistakes which tokens can show: what validation gives, and all that generation sees.

use proc_macro2::TokenStream;
use quote::format_ident;
use syn::{Expr, GenericArgument, Ident, ItemStruct, Path, Type, ext::IdentExt};

/// A described model.
pub(crate) struct Model {
    /// The user's struct, without our attributes.
    pub(crate) item: ItemStruct,
    /// The defaults of its parameters.
    pub(crate) defaults: Vec<Default>,
    /// Type parameters that nothing mentions, which is told.
    pub(crate) idle: Vec<Ident>,
    /// The path of the library.
    pub(crate) krate: Path,
    /// Whether the user wrote it.
    pub(crate) krate_is_written: bool,
    /// Channels, height and width of a frame.
    pub(crate) input: [Expr; 3],
    /// What the stimulus shows beside the frame.
    pub(crate) beside: Vec<Input>,
    /// Time constants that differ from the library's.
    pub(crate) dynamics: Vec<Time>,
    /// What sees the frame before the first area.
    pub(crate) retina: Option<Front>,
    /// The solver through which frames go before all else.
    pub(crate) adaption: Option<Front>,
    /// In the order in which they run.
    pub(crate) areas: Vec<Area>,
    /// At least one; the first gives the model's logits.
    pub(crate) readouts: Vec<Readout>,
}

/// The default of a parameter.
#[allow(clippy::large_enum_variant)] // a handful exist, each for a moment
pub(crate) enum Default {
    Type(DefaultType),
    /// An argument.
    Const(Ident, GenericArgument),
}

/// The default of a type parameter.
pub(crate) struct DefaultType {
    pub(crate) param: Ident,
    /// As written, where no other parameter is mentioned.
    pub(crate) written: Option<Type>,
    /// With the defaults of the others put in.
    pub(crate) concrete: Type,
    /// The bounds of the parameter, and a type that keeps them.
    pub(crate) stand_in: Option<(TokenStream, Type)>,
}

impl Default {
    pub(crate) fn param(&self) -> &Ident {
        match self {
            Default::Type(default) => &default.param,
            Default::Const(param, _) => param,
        }
    }
}

/// A frame beside the first.
pub(crate) struct Input {
    pub(crate) name: Ident,
    /// Channels, height and width.
    pub(crate) map: [Expr; 3],
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
    /// What it gets, one beside the other; none where that is what comes before it.
    pub(crate) sources: Vec<Source>,
    /// Something is wrong with its sources, which is told: what it takes cannot be compared with what it gets.
    pub(crate) gets_unknown: bool,
    pub(crate) layer: Component,
    pub(crate) operations: Vec<Operation>,
    /// Time constants of this area alone.
    pub(crate) times: Vec<Time>,
}

/// What an area or a readout gets.
pub(crate) enum Source {
    /// The frame, as the first area gets it.
    Frame,
    /// What stands beside the frame, by its number.
    Beside(usize),
    /// What the area of this number has sent at this step.
    Area(usize),
    /// What a later area answered at an earlier step: a connection without anything on it.
    Past(Box<Link>),
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
    /// What it reads; none where that is the last area.
    pub(crate) sources: Vec<Source>,
    /// Something is wrong with its sources, which is told: what it takes cannot be compared with what it gets.
    pub(crate) gets_unknown: bool,
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
        if let Some(readout) = self.readouts.iter_mut().find(|readout| readout.name == *name) {
            readout.name = other;
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
        let into_areas = self.areas.iter_mut().flat_map(|area| {
            let sources = area.sources.iter_mut().filter_map(|source| match source {
                Source::Past(link) => Some(&mut **link),
                _ => None,
            });
            sources.chain(area.operations.iter_mut().flat_map(|operation| match operation {
                Operation::Links(_, links) => &mut links[..],
                _ => &mut [],
            }))
        });
        into_areas.chain(self.readouts.iter_mut().flat_map(|readout| &mut readout.skips))
    }

    /// Every connection, in the order in which a step runs them, with the number of its target; the readout's number is
    /// that of the areas.
    pub(crate) fn links(&self) -> impl Iterator<Item = (usize, &Link)> {
        let areas = self.areas.iter().enumerate();
        let into_areas = areas.flat_map(|(at, area)| {
            let sources = area.sources.iter().filter_map(Source::past);
            sources.chain(area.operations.iter().flat_map(Operation::links)).map(move |link| (at, link))
        });
        let into_readouts = self.readouts.iter().flat_map(|readout| &readout.skips);
        into_areas.chain(into_readouts.map(|link| (self.areas.len(), link)))
    }

    /// Everything that names its sources.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.areas
            .iter()
            .flat_map(|area| &area.sources)
            .chain(self.readouts.iter().flat_map(|readout| &readout.sources))
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

impl Source {
    /// The connection that it is, if it is one.
    pub(crate) fn past(&self) -> Option<&Link> {
        match self {
            Source::Past(link) => Some(link),
            _ => None,
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
