//! What holds the weights, how it is built and visited.

use super::{Code, names::Names, parts, shapes::OfReadout};
use crate::{
    model::{Area, Front, Link, Operation, Readout, Time},
    span::call_over,
};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashSet;
use syn::Ident;

/// A field of the built model.
struct Field {
    name: Ident,
    /// The part of which it holds the weights.
    spec: TokenStream,
    /// Whether the part depends on a parameter of the model.
    is_generic: bool,
    doc: String,
}

/// Fields of one visit; dfdx visits at most six at once, so that more are nested.
enum Tree {
    One(Ident),
    Many(Vec<Tree>),
}

impl Code<'_> {
    /// `NetModel`.
    pub(super) fn weights(&self) -> TokenStream {
        let Names { spec, model, vis, dv, dtype, device, params, .. } = self.names;
        let declared = self.names.declare(quote!(#dtype: #dv::Dtype, #device: #dv::Device<#dtype>));
        let clause = &params.clause;
        let fields = self.fields().into_iter().flatten().map(|Field { name, spec, doc, .. }| {
            quote! {
                #[doc = #doc]
                #vis #name: #dv::Built<#spec, #dtype, #device>,
            }
        });
        let doc = format!(" The weights of a [`{spec}`], in one dtype on one device.");
        // a parameter that nothing mentions is told; here it is mentioned
        let idle = &self.model.idle;
        let setting = quote!(#dv::Setting<#dv::Dynamics>);
        let setting = if idle.is_empty() { setting } else { quote!(#dv::Beside<(#(#idle,)*), #setting>) };
        let (kept, args) = (&params.kept, &params.names);
        let alias = self.names.alias(
            model,
            "Model",
            &quote!(#(#kept,)* #dtype, #device),
            &quote!(#(#args,)* #dtype, #device),
            &doc,
        );
        quote! {
            #[doc = #doc]
            #[doc(hidden)] // people see the alias
            #[derive(#dv::Clone, #dv::Debug)]
            #vis struct #model #declared #clause {
                #(#fields)*
                /// The time constants.
                #vis dynamics: #setting,
            }
            #alias
        }
    }

    /// The fields that hold weights: those of each area, then those of the readout.
    fn fields(&self) -> Vec<Vec<Field>> {
        let areas = self.model.areas.iter().enumerate().map(|(at, area)| self.area_fields(at, area));
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts);
        [self.front_fields()]
            .into_iter()
            .chain(areas)
            .chain(readouts.map(|(readout, shapes)| self.readout_fields(readout, shapes)))
            .filter(|fields| !fields.is_empty())
            .collect()
    }

    fn front_fields(&self) -> Vec<Field> {
        let fronts = [&self.model.adaption, &self.model.retina].into_iter().flatten();
        let field = |front: &Front| {
            let doc = format!(" The {} of the frame.", front.name);
            self.part_field(front.name.clone(), &front.name, parts::FRONT, doc)
        };
        fronts.map(field).collect()
    }

    fn area_fields(&self, at: usize, area: &Area) -> Vec<Field> {
        let (owner, shapes) = (&area.name, &self.shapes.areas[at]);
        let mut fields = vec![self.part_field(owner.clone(), owner, "layer", format!(" The layer of `{owner}`."))];
        for (operation, stage) in area.operations.iter().zip(&shapes.stages) {
            let name = operation.name();
            let links = operation.links().iter();
            match operation {
                Operation::Pool(_) => {}
                _ if operation.component().is_some() => {
                    let doc = format!(" What `{name}` runs in `{owner}`.");
                    fields.push(self.part_field(self.names.field(area, &name), owner, &name, doc));
                }
                _ => fields.extend(links.map(|link| self.link_field(owner, link, &stage.before.constant))),
            }
        }
        let mut seen = HashSet::new();
        fields.retain(|field| seen.insert(field.name.clone())); // an operation that runs twice has its weights once
        fields
    }

    fn readout_fields(&self, readout: &Readout, shapes: &OfReadout) -> Vec<Field> {
        let links = readout.skips.iter().map(|link| self.link_field(&readout.name, link, &shapes.input.constant));
        let own = self.part_field(readout.name.clone(), &readout.name, "readout", " The readout.".into());
        links.chain([own]).collect()
    }

    fn part_field(&self, name: Ident, owner: &Ident, operation: &str, doc: String) -> Field {
        Field { name, spec: self.part(owner, operation), is_generic: self.is_generic(owner, operation), doc }
    }

    fn link_field(&self, into: &Ident, link: &Link, target: &Ident) -> Field {
        Field {
            name: self.names.link(into, link),
            spec: self.link(into, link, target),
            is_generic: [parts::integration(link), parts::options(link), parts::via(link)]
                .iter()
                .any(|part| self.is_generic(into, part)),
            doc: format!(" The {} from `{}` into `{into}`.", link.direction.word(), link.from_name),
        }
    }

    /// `LinkConv<{ Net::V1.c }, { Net::V2.c }>`, and what the connection chooses beyond.
    fn link(&self, into: &Ident, link: &Link, target: &Ident) -> TokenStream {
        let (dv, spec) = (&self.names.dv, &self.names.spec);
        let from = &self.shapes.areas[link.from].response.constant;
        let force = link.force_conv;
        let one = || syn::parse_quote!(1);
        let (kernel, stride) = (link.kernel.clone().unwrap_or_else(one), link.stride.clone().unwrap_or_else(one));
        let ends = quote!({ #spec::#from.c }, { #spec::#target.c });
        let integration = link.integration.is_some().then(|| self.part(into, &parts::integration(link)));
        let options = link.options.is_some().then(|| self.part(into, &parts::options(link)));
        if link.via.is_some() {
            let (via, additive) = (self.part(into, &parts::via(link)), quote!(#dv::Additive));
            let integration = integration.unwrap_or(additive);
            return quote!(#dv::Via<#via, #integration>);
        }
        match (integration, options) {
            (integration, Some(options)) => {
                let integration = integration.unwrap_or_else(|| quote!(#dv::Additive));
                quote!(#dv::LinkConv<#ends, { #kernel }, { #stride }, #force, #integration, #options>)
            }
            (Some(integration), None) => quote!(#dv::LinkConv<#ends, { #kernel }, { #stride }, #force, #integration>),
            (None, None) if force || link.kernel.is_some() || link.stride.is_some() => {
                quote!(#dv::LinkConv<#ends, { #kernel }, { #stride }, #force>)
            }
            (None, None) => quote!(#dv::LinkConv<#ends>),
        }
    }

    /// dfdx builds the model from its description.
    pub(super) fn build(&self) -> TokenStream {
        let Names { spec, dtype, device, params, .. } = self.names;
        let declared = self.names.declare(quote!(#dtype: __dv::Dtype, #device: __dv::Device<#dtype>));
        let (arguments, clause, built) = (&params.names, &params.clause, self.names.built_here());
        let dynamics = self.dynamics();
        let taus = self.model.areas.iter().filter_map(|area| self.tau(area));
        let same = self.same_geometry();
        quote! {
            impl #declared __dv::BuildOnDevice<#device, #dtype> for #spec<#(#arguments),*> #clause {
                type Built = #built;

                fn try_build_on_device(device: &#device) -> __dv::StdResult<Self::Built, #device::Err> {
                    #same
                    let mut net: Self::Built = __dv::BuildModule::try_build(device)?;
                    net.dynamics = __dv::From::from(#dynamics);
                    #(#taus)*
                    __dv::Ok(net)
                }
            }
        }
    }

    fn dynamics(&self) -> TokenStream {
        let set = self.model.dynamics.iter().map(|Time { name, value }| quote!(#name: #value));
        match self.model.dynamics.is_empty() {
            true => quote!(__dv::Dynamics::DEFAULT),
            false => quote!(__dv::Dynamics { #(#set,)* ..__dv::Dynamics::DEFAULT }),
        }
    }

    /// A trained time constant begins with the declared one.
    fn tau(&self, area: &Area) -> Option<TokenStream> {
        let solver = area.operations.iter().find(|operation| matches!(operation, Operation::Tstep(_)))?;
        let (part, field) = (self.part(&area.name, &solver.name()), self.names.field(area, &solver.name()));
        let (dtype, device) = (&self.names.dtype, &self.names.device);
        let own = area.times.iter().find(|time| time.name == "tau").map(|time| &time.value);
        let tau = own.map_or_else(|| quote!(net.dynamics.tau), |value| quote!(#value));
        Some(quote!(<#part as __dv::Solver>::set_tau::<#dtype, #device>(&mut net.#field, #tau);))
    }

    /// Parts that depend on parameters of the model do to a map what they do by default.
    fn same_geometry(&self) -> TokenStream {
        let areas = self.model.areas.iter().filter(|area| self.is_generic(&area.name, "layer"));
        let checks = areas.map(|area| {
            let name = syn::ext::IdentExt::unraw(&area.name).to_string();
            let (here, default) = (self.part(&area.name, "layer"), self.concrete_part(&area.name, "layer"));
            let args = quote!(#name, <#here as __dv::Layer>::GEOMETRY, <#default as __dv::Layer>::GEOMETRY);
            let call = call_over(&area.layer.ty, quote!(__dv::check_same), args);
            quote!(const { #call };)
        });
        // where there are several readouts, what they answer is held with the areas
        let several =
            self.model.readouts.iter().zip(&self.shapes.readouts).filter(|(_, shapes)| shapes.answer.is_some());
        let answers = several.filter(|(readout, _)| self.is_generic(&readout.name, "readout")).map(|(readout, _)| {
            let name = syn::ext::IdentExt::unraw(&readout.name).to_string();
            let (here, default) = (self.part(&readout.name, "readout"), self.concrete_part(&readout.name, "readout"));
            let args = quote!(#name, __dv::classes::<#here>(), __dv::classes::<#default>());
            let call = call_over(&readout.component.ty, quote!(__dv::check_same), args);
            quote!(const { #call };)
        });
        checks.chain(answers).collect()
    }

    /// dfdx visits the weights.
    pub(super) fn tensors(&self) -> TokenStream {
        let Names { model, dtype, device, params, .. } = self.names;
        let (e2, d2, v) = (self.names.free("E2"), self.names.free("D2"), self.names.free("V"));
        let declared = self.names.declare(quote!(#dtype: __dv::Dtype, #device: __dv::Device<#dtype>));
        let (clause, here) = (&params.clause, self.names.built_here());
        let there = self.names.built(quote!(#e2), quote!(#d2));
        let groups = self.fields();
        let dynamics = Ident::new("dynamics", proc_macro2::Span::call_site());
        let trees =
            groups.iter().map(|fields| Tree::of(fields.iter().map(|field| Tree::One(field.name.clone())).collect()));
        let tree = Tree::of(trees.chain([Tree::One(dynamics)]).collect());
        let (visits, pattern) = (tree.visits(), tree.pattern());
        // where the part is known, so is what its weights become
        let converted = groups.iter().flatten().map(|Field { name, spec, is_generic, .. }| match is_generic {
            true => quote!(#name: __dv::converted::<#spec, #dtype, #device, #v::E2, #v::D2>(#name),),
            false => quote!(#name,),
        });
        quote! {
            impl #declared __dv::TensorCollection<#dtype, #device> for #here #clause {
                type To<#e2: __dv::Dtype, #d2: __dv::Device<#e2>> = #there;

                fn iter_tensors<#v: __dv::ModuleVisitor<Self, #dtype, #device>>(
                    visitor: &mut #v,
                ) -> __dv::StdResult<__dv::Option<Self::To<#v::E2, #v::D2>>, #v::Err> {
                    visitor.visit_fields(#visits, |#pattern| #model { #(#converted)* dynamics })
                }
            }
        }
    }
}

impl Tree {
    /// At most six at each node.
    fn of(mut nodes: Vec<Tree>) -> Tree {
        while nodes.len() > 6 {
            let mut rest = nodes.into_iter();
            nodes = Vec::new();
            loop {
                let group: Vec<Tree> = rest.by_ref().take(6).collect();
                if group.is_empty() {
                    break;
                }
                nodes.push(Tree::of(group));
            }
        }
        match <[Tree; 1]>::try_from(nodes) {
            Ok([only]) => only,
            Err(nodes) => Tree::Many(nodes),
        }
    }

    fn visits(&self) -> TokenStream {
        match self {
            Tree::One(name) => {
                let text = syn::ext::IdentExt::unraw(name).to_string();
                quote!(Self::module(#text, |s| &s.#name, |s| &mut s.#name))
            }
            Tree::Many(nodes) => {
                let nodes = nodes.iter().map(Tree::visits);
                quote!((#(#nodes,)*))
            }
        }
    }

    fn pattern(&self) -> TokenStream {
        match self {
            Tree::One(name) => quote!(#name),
            Tree::Many(nodes) => {
                let nodes = nodes.iter().map(Tree::pattern);
                quote!((#(#nodes,)*))
            }
        }
    }
}
