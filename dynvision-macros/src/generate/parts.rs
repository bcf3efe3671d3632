//! The parts that the user chose, each under a short name.
//!
//! A part of the wrong kind (a pooling as a layer) is reported once, by a constant that needs the right trait; everywhere
//! else a stand-in takes its place, so that nothing follows from it.

use super::{Code, names::Names};
use crate::model::{Component, Link, Model, Operation};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::collections::HashSet;
use syn::{Ident, Type, ext::IdentExt, visit::Visit};

/// What a part has to be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Layer,
    Pool,
    Operation,
    Nonlinearity,
    Solver,
    Readout,
    Integration,
    ConvOptions,
    Edge,
}

/// A part and its name.
pub(super) struct Part {
    name: Ident,
    kind: Kind,
    ty: Type,
    concrete: Type,
    chosen: bool,
    presumed: bool,
    /// The user's parameters that it mentions: their names, how they are declared, their defaults.
    params: Vec<(Ident, TokenStream, TokenStream)>,
}

pub(super) struct Parts(Vec<Part>);

/// The operation name of what stands before the areas.
pub(super) const FRONT: &str = "part";

/// Every part of a model, with its kind, its owner's name and its operation.
fn each<'a>(model: &'a Model, mut see: impl FnMut(&'a Ident, String, Kind, &'a Component)) {
    for (front, kind) in [(&model.adaption, Kind::Solver), (&model.retina, Kind::Layer)] {
        if let Some(front) = front {
            see(&front.name, FRONT.into(), kind, &front.component);
        }
    }
    for area in &model.areas {
        see(&area.name, "layer".into(), Kind::Layer, &area.layer);
        for operation in &area.operations {
            let kind = match operation {
                Operation::Tstep(_) => Kind::Solver,
                Operation::Nonlin(_) => Kind::Nonlinearity,
                Operation::Pool(_) => Kind::Pool,
                _ => Kind::Operation,
            };
            if let Some(part) = operation.component() {
                see(&area.name, operation.name(), kind, part);
            }
            links(&area.name, operation.links(), &mut see);
        }
    }
    for readout in &model.readouts {
        see(&readout.name, "readout".into(), Kind::Readout, &readout.component);
        links(&readout.name, &readout.skips, &mut see);
    }
}

fn links<'a>(into: &'a Ident, links: &'a [Link], see: &mut impl FnMut(&'a Ident, String, Kind, &'a Component)) {
    for link in links {
        if let Some(part) = &link.integration {
            see(into, integration(link), Kind::Integration, part);
        }
        if let Some(part) = &link.options {
            see(into, options(link), Kind::ConvOptions, part);
        }
        if let Some(part) = &link.via {
            see(into, via(link), Kind::Edge, part);
        }
    }
}

/// The operation name of a connection's integration.
pub(super) fn integration(link: &Link) -> String {
    format!("{}_{}", link.direction.word(), link.from_name.unraw())
}

/// The operation name of the options of a connection's convolution.
pub(super) fn options(link: &Link) -> String {
    format!("{}_options", integration(link))
}

/// The operation name of what stands on a connection.
pub(super) fn via(link: &Link) -> String {
    format!("{}_via", integration(link))
}

/// Every type that the user chose.
pub(super) fn components(model: &Model) -> Vec<&Component> {
    let mut all = Vec::new();
    each(model, |_, _, _, part| all.push(part));
    all
}

impl Parts {
    pub(super) fn new(model: &Model, names: &Names) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        each(model, |owner, operation, kind, component| {
            let name = names.part(owner, &operation);
            if !parts.iter().any(|part| part.name == name) {
                parts.push(Part::new(name, kind, component, names));
            }
        });
        Parts(parts)
    }

    fn get(&self, name: &Ident) -> Option<&Part> {
        self.0.iter().find(|part| part.name == *name)
    }
}

impl Part {
    fn new(name: Ident, kind: Kind, component: &Component, names: &Names) -> Self {
        let mut mentioned = Mentioned(HashSet::new());
        mentioned.visit_type(&component.ty);
        let params = &names.params;
        let all = params.names.iter().zip(&params.declared).zip(&params.defaults);
        let used = all.filter(|((name, _), _)| mentioned.0.contains(&name.to_string()));
        Part {
            name,
            kind,
            ty: component.ty.clone(),
            concrete: component.concrete.clone(),
            chosen: component.chosen,
            presumed: component.presumed,
            params: used.map(|((name, declared), default)| (name.clone(), declared.clone(), default.clone())).collect(),
        }
    }

    /// The part in generic code.
    fn generic(&self) -> TokenStream {
        self.applied(self.params.iter().map(|(name, ..)| name.to_token_stream()))
    }

    /// The part with the parameters at their defaults.
    fn concrete(&self) -> TokenStream {
        self.applied(self.params.iter().map(|(.., default)| default.clone()))
    }

    fn applied(&self, arguments: impl Iterator<Item = TokenStream>) -> TokenStream {
        let name = &self.name;
        if self.chosen {
            self.ty.to_token_stream()
        } else if self.params.is_empty() {
            quote!(#name)
        } else {
            quote!(#name<#(#arguments),*>)
        }
    }
}

struct Mentioned(HashSet<String>);

impl Visit<'_> for Mentioned {
    fn visit_ident(&mut self, ident: &Ident) {
        self.0.insert(ident.to_string());
    }
}

impl Code<'_> {
    /// The part of an operation of `owner`, in generic code.
    pub(super) fn part(&self, owner: &Ident, operation: &str) -> TokenStream {
        self.parts.get(&self.names.part(owner, operation)).map(Part::generic).unwrap_or_default()
    }

    /// The same with the parameters at their defaults.
    pub(super) fn concrete_part(&self, owner: &Ident, operation: &str) -> TokenStream {
        self.parts.get(&self.names.part(owner, operation)).map(Part::concrete).unwrap_or_default()
    }

    /// Whether the part mentions a parameter of the model.
    pub(super) fn is_generic(&self, owner: &Ident, operation: &str) -> bool {
        self.parts.get(&self.names.part(owner, operation)).is_some_and(|part| !part.params.is_empty())
    }

    /// A name for each part. Of the wrong kind, it names a stand-in.
    pub(super) fn part_types(&self) -> TokenStream {
        let dv = &self.names.dv;
        let named =
            self.parts.0.iter().filter(|part| !part.chosen).map(|Part { name, kind, ty, concrete, params, .. }| {
                let kind = kind.name();
                let declared = params.iter().map(|(name, declared, _)| undeclared(name, declared));
                quote! {
                    #[doc(hidden)]
                    type #name<#(#declared),*> = #dv::Part<#ty, { #dv::is!(#kind, #concrete) }>;
                }
            });
        named.collect()
    }

    /// Parts are of the right kind.
    pub(super) fn kind_checks(&self) -> TokenStream {
        let mut seen = HashSet::new();
        let parts = self.parts.0.iter().filter(|part| !part.chosen && !part.presumed);
        let once = parts
            .filter(|part| seen.insert((part.kind.name().to_string(), part.concrete.to_token_stream().to_string())));
        once.map(|part| part.kind.check(&part.concrete)).collect()
    }
}

/// A parameter as an alias declares it: without bounds, which aliases do not enforce.
fn undeclared(name: &Ident, declared: &TokenStream) -> TokenStream {
    let is_const = declared.clone().into_iter().next().is_some_and(|token| token.to_string() == "const");
    if is_const { declared.clone() } else { name.to_token_stream() }
}

impl Kind {
    /// Its trait.
    fn name(self) -> Ident {
        let name = match self {
            Kind::Layer => "Layer",
            Kind::Pool => "Pool",
            Kind::Operation => "Operation",
            Kind::Nonlinearity => "Nonlinearity",
            Kind::Solver => "Solver",
            Kind::Readout => "Readout",
            Kind::Integration => "Integration",
            Kind::ConvOptions => "ConvOptions",
            Kind::Edge => "Edge",
        };
        Ident::new(name, proc_macro2::Span::call_site())
    }

    /// A constant that needs the trait.
    fn check(self, ty: &Type) -> TokenStream {
        let name = self.name();
        let (value, item) = match self {
            Kind::Layer | Kind::Pool => (quote!(__dv::Geometry), quote!(GEOMETRY)),
            Kind::Operation => (quote!(__dv::Option<usize>), quote!(CHANNELS)),
            Kind::Nonlinearity => (quote!(bool), quote!(RECTIFIES)),
            Kind::Solver => return quote!(const _: () = __dv::is_solver::<#ty>();),
            Kind::Readout => (quote!(__dv::Features), quote!(FEATURES)),
            Kind::Integration => (quote!(bool), quote!(IS_SUM)),
            Kind::ConvOptions => (quote!(bool), quote!(BIAS)),
            Kind::Edge => (quote!((usize, usize)), quote!(CHANNELS)),
        };
        quote!(const _: #value = <#ty as __dv::#name>::#item;)
    }
}
