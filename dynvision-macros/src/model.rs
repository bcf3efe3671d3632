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
    pub(crate) layer: Component,
    pub(crate) operations: Vec<Operation>,
    /// Time constants of this area alone.
    pub(crate) times: Vec<Time>,
}

/// An operation that an area really runs, with what runs it.
pub(crate) enum Operation {
    Layer,
    Skip(Vec<Link>),
    Feedback(Vec<Link>),
    Tstep(Component),
    Nonlin(Component),
    Supralin(Component),
    Record,
    Delay,
    Pool(Component),
    Norm(Component),
    Addext(Component),
    /// A user's own operation.
    Own(Ident, Component),
}

/// A connection from another area.
pub(crate) struct Link {
    pub(crate) direction: Direction,
    /// The name of its source.
    pub(crate) from: Ident,
    /// Its delay, where it is not the model's.
    pub(crate) delay: Option<Time>,
    pub(crate) kernel: Option<Expr>,
    pub(crate) stride: Option<Expr>,
    pub(crate) integration: Option<Component>,
    /// Of its convolution.
    pub(crate) options: Option<Component>,
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
        for area in &mut self.areas {
            let links = area.operations.iter_mut().filter_map(|operation| match operation {
                Operation::Skip(links) | Operation::Feedback(links) => Some(links),
                _ => None,
            });
            for link in links.flatten().filter(|link| link.from == *name) {
                link.from = other.clone();
            }
            if area.name == *name {
                area.name = other.clone();
            }
        }
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
            Operation::Skip(_) => "skip".into(),
            Operation::Feedback(_) => "feedback".into(),
            Operation::Tstep(_) => "tstep".into(),
            Operation::Nonlin(_) => "nonlin".into(),
            Operation::Supralin(_) => "supralin".into(),
            Operation::Record => "record".into(),
            Operation::Delay => "delay".into(),
            Operation::Pool(_) => "pool".into(),
            Operation::Norm(_) => "norm".into(),
            Operation::Addext(_) => "addext".into(),
            Operation::Own(name, _) => name.unraw().to_string(),
        }
    }

    /// The connections that it runs.
    pub(crate) fn links(&self) -> &[Link] {
        match self {
            Operation::Skip(links) | Operation::Feedback(links) => links,
            _ => &[],
        }
    }
}
