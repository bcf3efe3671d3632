//! The parts that the user chose, each under a short name.
//!
//! A part of the wrong kind (a pooling as a layer) is reported once, by a constant that needs the right trait; everywhere
//! else a stand-in takes its place, so that nothing follows from it.

use super::{
    Code,
    names::{Names, const_default, is_literal},
};
use crate::{
    model::{Component, Default, DefaultType, Link, Model, Operation},
    span::path_over,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use std::collections::HashSet;
use syn::{Ident, ItemStruct, Type, ext::IdentExt, visit::Visit};

/// What a part has to be.
#[derive(Clone, Copy)]
pub(super) enum PartKind {
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
    /// What names the type as written. It is written once, so that a mistake in it is told once.
    written: Ident,
    kind: PartKind,
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
fn each<'a>(model: &'a Model, mut see: impl FnMut(&'a Ident, String, PartKind, &'a Component)) {
    for (front, kind) in [(&model.adaption, PartKind::Solver), (&model.retina, PartKind::Layer)] {
        if let Some(front) = front {
            see(&front.name, FRONT.into(), kind, &front.component);
        }
    }
    for area in &model.areas {
        see(&area.name, "layer".into(), PartKind::Layer, &area.layer);
        for operation in &area.operations {
            let kind = match operation {
                Operation::Tstep(_) => PartKind::Solver,
                Operation::Nonlin(_) => PartKind::Nonlinearity,
                Operation::Pool(_) => PartKind::Pool,
                _ => PartKind::Operation,
            };
            if let Some(part) = operation.component() {
                see(&area.name, operation.name(), kind, part);
            }
            links(&area.name, operation.links(), &mut see);
        }
    }
    for readout in &model.readouts {
        see(&readout.name, "readout".into(), PartKind::Readout, &readout.component);
        links(&readout.name, &readout.skips, &mut see);
    }
}

fn links<'a>(into: &'a Ident, links: &'a [Link], see: &mut impl FnMut(&'a Ident, String, PartKind, &'a Component)) {
    for link in links {
        if let Some(part) = &link.integration {
            see(into, integration(link), PartKind::Integration, part);
        }
        if let Some(part) = &link.options {
            see(into, options(link), PartKind::ConvOptions, part);
        }
        if let Some(part) = &link.via {
            see(into, via(link), PartKind::Edge, part);
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
pub(crate) fn components(model: &Model) -> Vec<&Component> {
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
                let written = names.written(owner, &operation);
                parts.push(Part::new(name, written, kind, component, names));
            }
        });
        Parts(parts)
    }

    fn get(&self, name: &Ident) -> Option<&Part> {
        self.0.iter().find(|part| part.name == *name)
    }
}

impl Part {
    fn new(name: Ident, written: Ident, kind: PartKind, component: &Component, names: &Names) -> Self {
        let mut mentioned = Mentioned(HashSet::new());
        mentioned.visit_type(&component.ty);
        let params = &names.params;
        let all = params.names.iter().zip(&params.declared).zip(&params.defaults);
        let used = all.filter(|((name, _), _)| mentioned.0.contains(&name.to_string()));
        Part {
            name,
            written,
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

    /// The type as written, where it stands, in terms of the model's parameters.
    fn as_written(&self) -> TokenStream {
        path_over(&self.ty, &self.written, self.params.iter().map(|(name, ..)| name.to_token_stream()))
    }

    /// The type as written, where it stands, with the parameters at their defaults.
    fn as_written_by_default(&self) -> TokenStream {
        path_over(&self.ty, &self.written, self.params.iter().map(|(.., default)| default.clone()))
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

    /// The part with the parameters at their defaults.
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
        let named = self.parts.0.iter().filter(|part| !part.chosen).map(|part| {
            let Part { name, written, kind, ty, params, .. } = part;
            let question = format_ident!("Is{}", kind.name(), span = Span::call_site());
            let declared: Vec<_> = params.iter().map(|(name, declared, _)| undeclared(name, declared)).collect();
            let (generic, concrete) = (part.as_written(), part.as_written_by_default());
            quote! {
                type #written<#(#declared),*> = #ty;
                #[doc(hidden)]
                type #name<#(#declared),*> = #dv::Part<#generic, {
                    #[allow(unused_imports)] // hidden by the inherent constant where there is one
                    use #dv::Not as _;
                    #dv::#question::<#concrete>::YES
                }>;
            }
        });
        self.default_types().into_iter().chain(named).collect()
    }

    /// The defaults of the type parameters, and what stands in for those that lack the bounds of their parameters.
    fn default_types(&self) -> Vec<TokenStream> {
        let Names { dv, spec, .. } = self.names;
        let types = self.model.defaults.iter().filter_map(|default| match default {
            Default::Type(default) => Some(default),
            Default::Const(..) => None,
        });
        let of_one = |default: &DefaultType| {
            let (name, sound, ty) = (default.named(spec), default.sound(spec), &default.concrete);
            let sound = default.stand_in.as_ref().map(|(bounds, stand_in)| {
                quote! {
                    type #sound = #dv::Either<#name, #stand_in, {
                        #[allow(unused_imports)] // hidden by the inherent constant where there is one
                        use #dv::Not as _;
                        struct Is<T>(#dv::PhantomData<T>);
                        impl<T> #dv::Not for Is<T> {}
                        impl<T: #bounds> Is<T> {
                            const YES: #dv::bool = true;
                        }
                        Is::<#name>::YES
                    }>;
                }
            });
            quote! {
                type #name = #ty;
                #sound
            }
        };
        types.map(of_one).collect()
    }

    /// The constant parameters as constants of the struct, where their defaults are not told by themselves.
    pub(super) fn const_defaults(&self) -> TokenStream {
        let Names { spec, params, .. } = self.names;
        let consts =
            self.model.item.generics.const_params().zip(self.model.defaults.iter().filter_map(
                |default| match default {
                    Default::Const(_, value) => Some(value),
                    Default::Type(_) => None,
                },
            ));
        let consts = consts.filter(|(_, value)| !is_literal(value)).map(|(param, _)| {
            let (constant, ty, param) = (const_default(&param.ident), &param.ty, &param.ident);
            quote!(#[doc(hidden)] const #constant: #ty = #param;)
        });
        let consts: TokenStream = consts.collect();
        if consts.is_empty() {
            return consts;
        }
        let (declared, names, clause) = (&params.declared, &params.names, &params.clause);
        quote!(impl<#(#declared),*> #spec<#(#names),*> #clause { #consts })
    }

    /// The struct, whose fields and defaults name the types of the parts.
    pub(super) fn item(&self) -> ItemStruct {
        let mut item = self.model.item.clone();
        for default in &self.model.defaults {
            if let Default::Type(default) = default
                && let Some(written) = &default.written
                && let Some(param) = item.generics.type_params_mut().find(|param| param.ident == default.param)
                && param.default.is_some()
            {
                let name = default.named(&self.names.spec);
                param.default =
                    Some((<syn::Token![=]>::default(), Type::Verbatim(path_over(written, &name, std::iter::empty()))));
            }
        }
        let layers = self.model.areas.iter().map(|area| (&area.name, "layer"));
        let readouts = self.model.readouts.iter().map(|readout| (&readout.name, "readout"));
        for (owner, operation) in layers.chain(readouts) {
            // of two fields of one name, each has its own type
            let mut fields = item.fields.iter_mut().filter(|field| field.ident.as_ref() == Some(owner));
            let field = fields.next().filter(|_| fields.next().is_none());
            let part = self.parts.get(&self.names.part(owner, operation));
            if let (Some(field), Some(part)) = (field, part) {
                field.ty = Type::Verbatim(part.as_written());
            }
        }
        item
    }

    /// Parts are of the right kind.
    pub(super) fn kind_checks(&self) -> TokenStream {
        let mut seen = HashSet::new();
        let parts = self.parts.0.iter().filter(|part| !part.chosen && !part.presumed);
        let once = parts
            .filter(|part| seen.insert((part.kind.name().to_string(), part.concrete.to_token_stream().to_string())));
        once.map(|part| part.kind.check(&part.as_written_by_default())).collect()
    }
}

/// A parameter as an alias declares it: without bounds, which aliases do not enforce.
fn undeclared(name: &Ident, declared: &TokenStream) -> TokenStream {
    let is_const = declared.clone().into_iter().next().is_some_and(|token| token.to_string() == "const");
    if is_const { declared.clone() } else { name.to_token_stream() }
}

impl PartKind {
    /// Its trait.
    fn name(self) -> Ident {
        let name = match self {
            PartKind::Layer => "Layer",
            PartKind::Pool => "Pool",
            PartKind::Operation => "Operation",
            PartKind::Nonlinearity => "Nonlinearity",
            PartKind::Solver => "Solver",
            PartKind::Readout => "Readout",
            PartKind::Integration => "Integration",
            PartKind::ConvOptions => "ConvOptions",
            PartKind::Edge => "Edge",
        };
        Ident::new(name, proc_macro2::Span::call_site())
    }

    /// A constant that needs the trait.
    fn check(self, ty: &TokenStream) -> TokenStream {
        let name = self.name();
        let (value, item) = match self {
            PartKind::Layer | PartKind::Pool => (quote!(__dv::Geometry), quote!(GEOMETRY)),
            PartKind::Operation => (quote!(__dv::Option<__dv::usize>), quote!(CHANNELS)),
            PartKind::Nonlinearity => (quote!(__dv::bool), quote!(RECTIFIES)),
            PartKind::Solver => return quote!(const _: () = __dv::is_solver::<#ty>();),
            PartKind::Readout => (quote!(__dv::Features), quote!(FEATURES)),
            PartKind::Integration => (quote!(__dv::bool), quote!(IS_SUM)),
            PartKind::ConvOptions => (quote!(__dv::bool), quote!(BIAS)),
            PartKind::Edge => (quote!((__dv::usize, __dv::usize)), quote!(CHANNELS)),
        };
        quote!(const _: #value = <#ty as __dv::#name>::#item;)
    }
}
