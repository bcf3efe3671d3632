//! The shapes of what flows: constants, types and checks.

use super::{
    Code,
    names::Names,
    parts::{self, FRONT},
};
use crate::{
    model::{Area, Link, Model, Operation, Readout, Source},
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
    /// The map from which the size comes of what it makes: `before`, or the first of the maps that stand beside each other there.
    sized: Map,
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
    beside: Option<Beside>,
}

/// What a readout reads and answers.
pub(super) struct OfReadout {
    pub(super) input: Map,
    /// Held with the areas, where there are several readouts.
    pub(super) answer: Option<Map>,
    /// Where several maps stand beside each other.
    beside: Option<Beside>,
}

impl OfArea {
    /// The maps that stand beside each other in front of the area.
    pub(super) fn parts(&self) -> &[Map] {
        self.beside.as_ref().map_or(&[], |beside| &beside.parts)
    }
}

impl OfReadout {
    /// The maps that stand beside each other in front of the readout.
    pub(super) fn parts(&self) -> &[Map] {
        self.beside.as_ref().map_or(&[], |beside| &beside.parts)
    }
}

/// Maps that stand beside each other.
struct Beside {
    map: Map,
    parts: Vec<Map>,
}

pub(super) struct Shapes {
    pub(super) input: Map,
    /// What stands beside the frame.
    pub(super) beside: Vec<Map>,
    /// What the retina makes of it.
    pub(super) retina: Option<Map>,
    pub(super) areas: Vec<OfArea>,
    pub(super) readouts: Vec<OfReadout>,
}

impl Shapes {
    pub(super) fn new(model: &Model, names: &Names) -> Self {
        let name = Ident::new("input", proc_macro2::Span::call_site());
        let input = Map::new(&name, "", "A frame".into(), "the frame".into(), names);
        let retina = model.retina.as_ref().map(|front| {
            Map::new(&front.name, "", "What the retina makes of a frame".into(), "the retina".into(), names)
        });
        let beside = model.beside.iter().map(|other| {
            let name = &other.name;
            let own = name.unraw();
            Map::new(name, "", format!("A frame of `{own}`"), format!("`{own}`"), names)
        });
        let mut shapes = Shapes { input, beside: beside.collect(), retina, areas: Vec::new(), readouts: Vec::new() };
        for area in &model.areas {
            let (first, beside) = shapes.given(&area.name, &area.sources, model, names);
            let of_area = OfArea::new(area, &first, beside, names);
            shapes.areas.push(of_area);
        }
        let several = model.readouts.len() > 1;
        for readout in &model.readouts {
            let (first, beside) = shapes.given(&readout.name, &readout.sources, model, names);
            let own = readout.name.unraw();
            let what = || format!("The answer of the readout `{own}`");
            let answer = several.then(|| Map::new(&readout.name, "", what(), format!("`{own}`"), names));
            let input = beside.as_ref().map_or(first, |beside| beside.map.clone());
            shapes.readouts.push(OfReadout { input, answer, beside });
        }
        shapes
    }

    /// What the last area sends; what reaches the first one, as long as there is none.
    fn last(&self) -> &Map {
        self.areas.last().map_or_else(|| self.front(), |area| &area.output)
    }

    fn front(&self) -> &Map {
        self.retina.as_ref().unwrap_or(&self.input)
    }

    /// The first map that `owner` gets, and how it stands beside others, if it does.
    fn given(&self, owner: &Ident, sources: &[Source], model: &Model, names: &Names) -> (Map, Option<Beside>) {
        let mut parts: Vec<Map> = sources.iter().map(|source| self.of_source(source, model, names)).collect();
        if parts.len() < 2 {
            return (parts.pop().unwrap_or_else(|| self.last().clone()), None);
        }
        let all: Vec<&str> = parts.iter().map(|part| part.source.as_str()).collect();
        let map = Map::new(owner, "_input", format!("What `{}` gets", owner.unraw()), all.join(" beside "), names);
        (parts[0].clone(), Some(Beside { map, parts }))
    }

    fn of_source(&self, source: &Source, model: &Model, names: &Names) -> Map {
        match source {
            Source::Frame => self.front().clone(),
            Source::Beside(at) => self.beside[*at].clone(),
            Source::Area(at) => self.areas[*at].output.clone(),
            Source::Past(link) => response(&model.areas[link.from].name, names),
        }
    }
}

/// The response of an area.
fn response(area: &Ident, names: &Names) -> Map {
    let name = area.unraw();
    Map::new(area, "", format!("The response of `{name}`"), format!("`{name}`"), names)
}

impl OfArea {
    fn new(area: &Area, first: &Map, beside: Option<Beside>, names: &Names) -> Self {
        let place = |found: fn(&Operation) -> bool| area.operations.iter().position(found);
        let stored = place(|op| matches!(op, Operation::Delay)).unwrap_or(area.operations.len());
        let is_shaping = |op: &Operation| matches!(op, Operation::Layer | Operation::Pool(_));
        let response = area.operations[..stored].iter().rposition(is_shaping);
        let input = beside.as_ref().map_or(first, |beside| &beside.map).clone();
        let (mut at, mut sized) = (input.clone(), first.clone());
        let mut stages = Vec::new();
        for (i, operation) in area.operations.iter().enumerate() {
            let before = at.clone();
            // a layer says its channels itself; a pooling passes on those that it gets
            let from = if matches!(operation, Operation::Layer) { sized.clone() } else { before.clone() };
            if is_shaping(operation) {
                at = made(area, operation, Some(i) == response, i > stored, names);
                sized = at.clone();
            }
            stages.push(Stage { before, sized: from, after: at.clone() });
        }
        let response = stages.get(stored).map_or(&input, |stage| &stage.after).clone();
        OfArea { input, stages, response, output: at, beside }
    }
}

/// The map that an operation of `area` makes. The area's response bears its name alone.
fn made(area: &Area, operation: &Operation, is_response: bool, is_sent: bool, names: &Names) -> Map {
    if is_response {
        return response(&area.name, names);
    }
    let name = area.name.unraw();
    let suffix = format!("_{}", operation.name());
    let what = match operation {
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
            let from = &stage.sized.constant;
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
        let others = self.other_constants();
        let wiring = self.wiring();
        let defaults = match &self.names.params.replaced[..] {
            [] => quote!(),
            defaults => quote!(<#(#defaults),*>),
        };
        let own = self.const_defaults();
        quote! {
            #own
            /// The shapes of the model: channels, rows and columns.
            impl #spec #defaults {
                /// A frame.
                #vis const INPUT: #dv::Map = #dv::Map { c: #c, h: #h, w: #w };
                #retina
                #(#maps)*
                #others
                /// The areas and how they are connected.
                #vis const WIRING: #dv::Wiring = #wiring;
            }
        }
    }

    /// What stands beside the frame, what stands beside each other in front of an area, what each of several readouts answers.
    fn other_constants(&self) -> TokenStream {
        let Names { spec, vis, dv, .. } = self.names;
        let constant = |map: &Map, value: TokenStream| {
            let (doc, constant) = (format!(" {}.", map.what), &map.constant);
            quote! {
                #[doc = #doc]
                #vis const #constant: #dv::Map = #value;
            }
        };
        let frames = self.model.beside.iter().zip(&self.shapes.beside).map(|(input, map)| {
            let [c, h, w] = &input.map;
            constant(map, quote!(#dv::Map { c: #c, h: #h, w: #w }))
        });
        let of_areas = self.shapes.areas.iter().filter_map(|area| area.beside.as_ref());
        let of_readouts = self.shapes.readouts.iter().filter_map(|readout| readout.beside.as_ref());
        let beside = of_areas.chain(of_readouts).map(|Beside { map, parts }| {
            let parts = parts.iter().map(|part| &part.constant);
            constant(map, quote!(#dv::beside(&[#(#spec::#parts),*])))
        });
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts);
        let answers = readouts.filter_map(|(readout, shapes)| {
            let part = self.concrete_part(&readout.name, "readout");
            let classes = quote!(<<#part as #dv::Readout>::Classes as #dv::ConstDim>::SIZE);
            Some(constant(shapes.answer.as_ref()?, quote!(#dv::Map::new(#classes, 1, 1))))
        });
        frames.chain(beside).chain(answers).collect()
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
        let answers = self.shapes.readouts.iter().filter_map(|readout| readout.answer.as_ref());
        let maps = input.chain(&self.shapes.retina).chain(self.shaping().map(|(_, _, stage)| &stage.after));
        let maps = maps.chain(&self.shapes.beside).chain(answers);
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
        let frames = [(&self.model.input, &self.shapes.input)].into_iter();
        let frames = frames.chain(self.model.beside.iter().map(|input| &input.map).zip(&self.shapes.beside));
        let frames = frames.filter_map(|(input, map)| {
            // what the macro has found to be wrong is 0, and told
            let is_checked = input.iter().any(is_zero);
            let constant = &map.constant;
            (!is_checked).then(|| {
                let call = call_over(&quote!(#(#input),*), quote!(__dv::check_frame), quote!(#spec::#constant));
                quote!(const _: () = #call;)
            })
        });
        let areas = self.model.areas.iter().zip(&self.shapes.areas);
        let operations = areas.flat_map(|(area, shapes)| {
            let stages = area.operations.iter().zip(&shapes.stages);
            stages.map(move |(operation, stage)| self.shape_check(area, operation, stage, &shapes.response))
        });
        let checks: TokenStream = self.retina_check().into_iter().chain(operations).collect();
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts).map(|(readout, shapes)| {
            let links = self.link_checks(&readout.name, &readout.skips, &shapes.input);
            let check = self.readout_check(readout, &shapes.input);
            quote!(#links #check)
        });
        quote! { #(#frames)* #checks #(#readouts)* }
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
            Operation::Layer if area.gets_unknown => return TokenStream::new(),
            Operation::Layer => {
                (&area.layer.ty, quote!(__dv::check_layer::<#part>), quote!(#name, #source, #spec::#from))
            }
            Operation::Pool(pool) => (&pool.ty, quote!(__dv::check_pool::<#part>), quote!(#name, #spec::#from)),
            Operation::Nonlin(it) if it.chosen => return TokenStream::new(),
            Operation::Nonlin(it) | Operation::Apply(_, it) => {
                (&it.ty, quote!(__dv::check_operation::<#part>), quote!(#of, #name, #spec::#from))
            }
            Operation::Links(_, links) => return self.link_checks(&area.name, links, &stage.before),
            Operation::Tstep(it) if !it.chosen => {
                (&it.ty, quote!(__dv::check_solver::<#part>), quote!(#name, #spec::#from))
            }
            Operation::Tstep(_) | Operation::Record | Operation::Delay => return TokenStream::new(),
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
            let (kernel, stride) = (self.size(&kernel), self.size(&stride));
            let args = quote!(#what, #into, #kernel, #stride, #spec::#from);
            let call = call_over(over, quote!(__dv::check_link), args);
            Some(quote!(const _: () = #call;))
        });
        checks.collect()
    }

    /// A size as it is in a type, so that a mistake in it is told once.
    fn size(&self, size: &syn::Expr) -> TokenStream {
        match size {
            syn::Expr::Lit(_) => quote!(#size),
            _ => quote!(<__dv::Const<{ #size }> as __dv::ConstDim>::SIZE),
        }
    }

    fn readout_check(&self, readout: &Readout, input: &Map) -> TokenStream {
        if readout.gets_unknown {
            return TokenStream::new();
        }
        let spec = &self.names.spec;
        let Map { constant: from, source, .. } = input;
        let (name, part) = (readout.name.unraw().to_string(), self.concrete_part(&readout.name, "readout"));
        let args = quote!(#name, #source, #spec::#from);
        let call = call_over(&readout.component.ty, quote!(__dv::check_readout::<#part>), args);
        quote!(const _: () = #call;)
    }
}

fn is_zero(entry: &syn::Expr) -> bool {
    matches!(entry, syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(int), .. }) if int.base10_digits() == "0")
}
