//! The shapes of what flows: constants, types and checks.

use super::{
    Code,
    names::Names,
    parts::{self, FRONT},
};
use crate::{
    model::{Area, Link, Model, Operation},
    span::call_over,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ext::IdentExt};

/// A map that stands somewhere between the frame and the readout.
#[derive(Clone)]
pub(super) struct Map {
    /// `V1` of `Net::V1`.
    pub(super) constant: Ident,
    /// `NetV1`.
    name: Ident,
    /// What generated code calls that type.
    pub(super) shape: Ident,
    /// What it is, for documentation.
    what: String,
    /// Who made it, for messages.
    pub(super) source: String,
}

impl Map {
    fn new(of: &Ident, suffix: &str, what: String, source: String, names: &Names) -> Self {
        let [name, shape] = names.shape(of, suffix);
        Map { constant: names.constant(of, suffix), name, shape, what, source }
    }
}

/// What one operation makes of a map.
pub(super) struct Stage {
    pub(super) before: Map,
    pub(super) after: Map,
}

/// What an area makes of a map.
pub(super) struct OfArea {
    pub(super) input: Map,
    /// One for each operation.
    pub(super) stages: Vec<Stage>,
    /// What is recorded and stored.
    pub(super) response: Map,
    pub(super) output: Map,
}

pub(super) struct Shapes {
    pub(super) input: Map,
    /// What the retina makes of it.
    pub(super) retina: Option<Map>,
    pub(super) areas: Vec<OfArea>,
}

impl Shapes {
    pub(super) fn new(model: &Model, names: &Names) -> Self {
        let name = Ident::new("input", proc_macro2::Span::call_site());
        let input = Map::new(&name, "", "A frame".into(), "the frame".into(), names);
        let retina = model.retina.as_ref().map(|front| {
            Map::new(&front.name, "", "What the retina makes of a frame".into(), "the retina".into(), names)
        });
        let mut at = retina.clone().unwrap_or_else(|| input.clone());
        let mut areas: Vec<OfArea> = Vec::new();
        for area in &model.areas {
            if let Some(source) = area.source.and_then(|source| areas.get(source)) {
                at = source.output.clone();
            }
            let of_area = OfArea::new(area, &at, names);
            at = of_area.output.clone();
            areas.push(of_area);
        }
        Shapes { areas, input, retina }
    }

    /// What the readout reads.
    pub(super) fn last(&self) -> &Map {
        self.areas.last().map_or(&self.input, |area| &area.output)
    }
}

impl OfArea {
    fn new(area: &Area, input: &Map, names: &Names) -> Self {
        let place = |found: fn(&Operation) -> bool| area.operations.iter().position(found);
        let stored = place(|op| matches!(op, Operation::Delay)).unwrap_or(area.operations.len());
        let is_shaping = |op: &Operation| matches!(op, Operation::Layer | Operation::Pool(_));
        let response = area.operations[..stored].iter().rposition(is_shaping);
        let mut at = input.clone();
        let mut stages = Vec::new();
        for (i, operation) in area.operations.iter().enumerate() {
            let before = at.clone();
            if is_shaping(operation) {
                at = made(area, operation, Some(i) == response, i > stored, names);
            }
            stages.push(Stage { before, after: at.clone() });
        }
        let response = stages.get(stored).map_or(input, |stage| &stage.after).clone();
        OfArea { input: input.clone(), stages, response, output: at }
    }
}

/// The map that an operation of `area` makes. The area's response bears its name alone.
fn made(area: &Area, operation: &Operation, is_response: bool, is_sent: bool, names: &Names) -> Map {
    let name = area.name.unraw();
    let suffix = if is_response { String::new() } else { format!("_{}", operation.name()) };
    let what = match operation {
        _ if is_response => format!("The response of `{name}`"),
        _ if is_sent => format!("The output of `{name}`"),
        _ => format!("What `{}` makes of the input of `{name}`", operation.name()),
    };
    Map::new(&area.name, &suffix, what, format!("`{name}`"), names)
}

impl Code<'_> {
    /// `Net::INPUT`, `Net::V1` and so on, on the default of the struct.
    pub(super) fn constants(&self) -> TokenStream {
        let Names { spec, vis, dv, .. } = self.names;
        let [c, h, w] = &self.model.input;
        let maps = self.shaping().map(|(area, operation, stage)| {
            let Map { constant, what, .. } = &stage.after;
            let doc = format!(" {what}.");
            let from = &stage.before.constant;
            let part = self.concrete_part(&area.name, &operation.name());
            let value = match operation {
                Operation::Layer => quote!(<#part as #dv::Layer>::GEOMETRY.apply(#spec::#from)),
                _ => quote!(<#part as #dv::Pool>::GEOMETRY.apply(#spec::#from)),
            };
            quote! {
                #[doc = #doc]
                #vis const #constant: #dv::Map = #value;
            }
        });
        let retina = self.retina_constant();
        let wiring = self.wiring();
        let defaults = match &self.names.params.defaults[..] {
            [] => quote!(),
            defaults => quote!(<#(#defaults),*>),
        };
        quote! {
            /// The shapes of the model: channels, rows and columns.
            impl #spec #defaults {
                /// A frame.
                #vis const INPUT: #dv::Map = #dv::Map::new(#c, #h, #w);
                #retina
                #(#maps)*
                /// The areas and how they are connected.
                #vis const WIRING: #dv::Wiring = #wiring;
            }
        }
    }

    fn retina_constant(&self) -> Option<TokenStream> {
        let Names { spec, vis, dv, .. } = self.names;
        let (front, map) = (self.model.retina.as_ref()?, self.shapes.retina.as_ref()?);
        let (doc, constant) = (format!(" {}.", map.what), &map.constant);
        let part = self.concrete_part(&front.name, FRONT);
        Some(quote! {
            #[doc = #doc]
            #vis const #constant: #dv::Map = <#part as #dv::Layer>::GEOMETRY.apply(#spec::INPUT);
        })
    }

    /// `NetV1<B>` and so on.
    pub(super) fn shape_types(&self) -> TokenStream {
        let Names { spec, vis, dv, batch, .. } = self.names;
        let input = self.model.adaption.iter().map(|_| &self.shapes.input);
        let maps = input.chain(&self.shapes.retina).chain(self.shaping().map(|(_, _, stage)| &stage.after));
        let types = maps.map(|map| {
            let Map { constant, name, shape, what, .. } = map;
            let doc = format!(" {what}, in a batch: [`{spec}::{constant}`].");
            let sizes = quote! {(
                #batch,
                #dv::Const<{ #spec::#constant.c }>,
                #dv::Const<{ #spec::#constant.h }>,
                #dv::Const<{ #spec::#constant.w }>,
            )};
            quote! {
                #[doc = #doc]
                #vis type #name<#batch> = #sizes;
                #[doc(hidden)]
                #vis type #shape<#batch> = #sizes;
            }
        });
        types.collect()
    }

    /// The operations that make a map of another shape.
    fn shaping(&self) -> impl Iterator<Item = (&Area, &Operation, &Stage)> {
        let areas = self.model.areas.iter().zip(&self.shapes.areas);
        let all = areas.flat_map(|(area, shapes)| {
            area.operations.iter().zip(&shapes.stages).map(move |(operation, stage)| (area, operation, stage))
        });
        all.filter(|(_, operation, _)| matches!(operation, Operation::Layer | Operation::Pool(_)))
    }

    /// Layers, poolings, components and readout fit what reaches them: see `dynvision::check`.
    pub(super) fn shape_checks(&self) -> TokenStream {
        let spec = &self.names.spec;
        let input = &self.model.input;
        let is_checked = input.iter().all(|entry| matches!(entry, syn::Expr::Lit(_)));
        let frame = (!is_checked).then(|| {
            let call = call_over(&quote!(#(#input),*), quote!(__dv::check_frame), quote!(#spec::INPUT));
            quote!(const _: () = #call;)
        });
        let areas = self.model.areas.iter().zip(&self.shapes.areas);
        let operations = areas.flat_map(|(area, shapes)| {
            let stages = area.operations.iter().zip(&shapes.stages);
            stages.map(move |(operation, stage)| self.shape_check(area, operation, stage, &shapes.response))
        });
        let checks: TokenStream = self.retina_check().into_iter().chain(operations).collect();
        let links = self.link_checks(&self.model.readout.name, &self.model.readout.skips, self.shapes.last());
        let readout = [links, self.readout_check()];
        quote! { #frame #checks #(#readout)* }
    }

    fn retina_check(&self) -> Option<TokenStream> {
        let (spec, front) = (&self.names.spec, self.model.retina.as_ref()?);
        let part = self.concrete_part(&front.name, FRONT);
        let args = quote!("retina", "the frame", #spec::INPUT);
        let call = call_over(&front.component.ty, quote!(__dv::check_layer::<#part>), args);
        Some(quote!(const _: () = #call;))
    }

    fn shape_check(&self, area: &Area, operation: &Operation, stage: &Stage, response: &Map) -> TokenStream {
        let (spec, name, of) = (&self.names.spec, area.name.unraw().to_string(), operation.name());
        let Map { constant: from, source, .. } = &stage.before;
        let part = self.concrete_part(&area.name, &of);
        let (ty, callee, args) = match operation {
            Operation::Layer => {
                (&area.layer.ty, quote!(__dv::check_layer::<#part>), quote!(#name, #source, #spec::#from))
            }
            Operation::Pool(pool) => (&pool.ty, quote!(__dv::check_pool::<#part>), quote!(#name, #spec::#from)),
            Operation::Nonlin(it) if it.chosen => return TokenStream::new(),
            Operation::Nonlin(it) | Operation::Apply(_, it) => {
                (&it.ty, quote!(__dv::check_operation::<#part>), quote!(#of, #name, #spec::#from))
            }
            Operation::Links(_, links) => return self.link_checks(&area.name, links, &stage.before),
            Operation::Tstep(_) | Operation::Record | Operation::Delay => {
                return TokenStream::new();
            }
        };
        let call = call_over(ty, callee, args);
        let state = matches!(operation, Operation::Layer).then(|| self.state_check(area, &stage.after, response));
        quote!(const _: () = #call; #state)
    }

    /// The layer's map and the state's, where a pooling stands between the two.
    fn state_check(&self, area: &Area, layer: &Map, state: &Map) -> Option<TokenStream> {
        let pool = area.operations.iter().find_map(|operation| match operation {
            Operation::Pool(pool) => Some(pool),
            _ => None,
        })?;
        if layer.constant == state.constant {
            return None;
        }
        let (spec, name, part) =
            (&self.names.spec, area.name.unraw().to_string(), self.concrete_part(&area.name, "layer"));
        let (layer, state) = (&layer.constant, &state.constant);
        let call = call_over(&pool.ty, quote!(__dv::check_state::<#part>), quote!(#name, #spec::#layer, #spec::#state));
        Some(quote!(const _: () = #call;))
    }

    /// Connections with a window or a part of their own, into a signal of the map `to`.
    fn link_checks(&self, into: &Ident, links: &[Link], to: &Map) -> TokenStream {
        let spec = &self.names.spec;
        let checks = links.iter().filter_map(|link| {
            if let Some(via) = &link.via {
                let part = self.concrete_part(into, &parts::via(link));
                let (kind, name) = (link.direction.word(), link.from_name.unraw());
                let (what, into) = (format!("the {kind} from `{name}` into"), into.unraw().to_string());
                let (from, to) = (&self.shapes.areas[link.from].response.constant, &to.constant);
                let args = quote!(#what, #into, #spec::#from, #spec::#to);
                let call = call_over(&via.ty, quote!(__dv::check_edge::<#part>), args);
                return Some(quote!(const _: () = #call;));
            }
            let over = link.stride.as_ref().or(link.kernel.as_ref())?;
            let one = || syn::parse_quote!(1);
            let (kernel, stride) = (link.kernel.clone().unwrap_or_else(one), link.stride.clone().unwrap_or_else(one));
            let (what, into) = (
                format!("the {} from `{}` into", link.direction.word(), link.from_name.unraw()),
                into.unraw().to_string(),
            );
            let from = &self.shapes.areas[link.from].response.constant;
            let args = quote!(#what, #into, #kernel, #stride, #spec::#from);
            let call = call_over(over, quote!(__dv::check_link), args);
            Some(quote!(const _: () = #call;))
        });
        checks.collect()
    }

    fn readout_check(&self) -> TokenStream {
        let (spec, readout) = (&self.names.spec, &self.model.readout);
        let Map { constant: from, source, .. } = self.shapes.last();
        let (name, part) = (readout.name.unraw().to_string(), self.concrete_part(&readout.name, "readout"));
        let args = quote!(#name, #source, #spec::#from);
        let call = call_over(&readout.component.ty, quote!(__dv::check_readout::<#part>), args);
        quote!(const _: () = #call;)
    }
}
