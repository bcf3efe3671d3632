//! What generated items are called.

use crate::case::{camel, constant};
use crate::model::{Area, Component, Default, DefaultType, Link, Model};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use std::collections::HashSet;
use syn::{
    ConstParam, Expr, GenericArgument, GenericParam, Ident, TypeParam, TypeParamBound, Visibility, ext::IdentExt,
    parse_quote,
};

/// The names of one model's items.
///
/// What is generated speaks of its types by names that nobody else takes; those that people use are aliases. A type of the
/// user's own of such a name is then one error, and nothing that follows from it.
pub(super) struct Names {
    pub(super) spec: Ident,
    /// `ModelOfNet`, which people call `NetModel`.
    pub(super) model: Ident,
    /// `AreasOfNet`, which people call `NetAreas`.
    pub(super) areas: Ident,
    pub(super) state: Ident,
    pub(super) responses: Ident,
    pub(super) vis: Visibility,
    /// `::dynvision::__private`.
    pub(super) dv: TokenStream,
    pub(super) params: Params,
    /// Dtype, device, batch, kind and so on, none of which the user's own names shadow.
    pub(super) dtype: Ident,
    pub(super) device: Ident,
    pub(super) batch: Ident,
    pub(super) kind: Ident,
    pub(super) tape: Ident,
    used: HashSet<String>,
}

/// The user's parameters.
pub(super) struct Params {
    /// `R: Recurrence`.
    pub(super) declared: Vec<TokenStream>,
    /// `R`, as aliases declare it.
    pub(super) kept: Vec<TokenStream>,
    /// `R`.
    pub(super) names: Vec<Ident>,
    /// `__NetR`, which is `Full`.
    pub(super) defaults: Vec<TokenStream>,
    /// Of the defaults, those that name a type for which a stand-in may be put: all up to the last of them.
    pub(super) replaced: Vec<TokenStream>,
    pub(super) clause: TokenStream,
}

impl Names {
    /// The names of the items of a model of these components.
    pub(super) fn new(model: &Model, components: &[&Component]) -> Self {
        let spec = &model.item.ident;
        let krate = &model.krate;
        let used = used_names(model, components);
        let name = |suffix: &str| format_ident!("{}{}", spec, suffix);
        Names {
            model: format_ident!("ModelOf{}", spec),
            areas: format_ident!("AreasOf{}", spec),
            state: name("State"),
            responses: name("Responses"),
            vis: model.item.vis.clone(),
            dv: quote!(#krate::__private),
            params: Params::new(model),
            dtype: free("E", &used),
            device: free("D", &used),
            batch: free("B", &used),
            kind: free("K", &used),
            tape: free("T", &used),
            spec: spec.clone(),
            used,
        }
    }

    /// A name for a type parameter that hides nothing of the user's.
    pub(super) fn free(&self, name: &str) -> Ident {
        free(name, &self.used)
    }

    /// `Net::V1`; `suffix` names what the area does to the map.
    pub(super) fn constant(&self, area: &Ident, suffix: &str) -> Ident {
        Ident::new(&constant(&format!("{}{suffix}", area.unraw())), area.span())
    }

    /// `NetV1`, and what generated code calls it.
    pub(super) fn shape(&self, area: &Ident, suffix: &str) -> [Ident; 2] {
        let name = format_ident!("{}{}", self.spec, camel(&format!("{}{suffix}", area.unraw())));
        let own = format_ident!("__MapOf{name}");
        [name, own]
    }

    /// The name that people use for a generated type: `type NetModel<R, E, D> = ModelOfNet<R, E, D>`.
    ///
    /// An alias, not an import: imports of one name in nested functions are ambiguous.
    pub(super) fn alias(
        &self,
        own: &Ident,
        suffix: &str,
        params: &TokenStream,
        args: &TokenStream,
        doc: &str,
    ) -> TokenStream {
        let (vis, name) = (&self.vis, format_ident!("{}{}", self.spec, suffix));
        quote! {
            #[doc = #doc]
            #vis type #name<#params> = #own<#args>;
        }
    }

    /// `__NetV1Layer`.
    pub(super) fn part(&self, area: &Ident, operation: &str) -> Ident {
        format_ident!("__{}{}", self.spec, camel(&format!("{}_{operation}", area.unraw())))
    }

    /// `__TypeOfNetV1Layer`.
    pub(super) fn written(&self, area: &Ident, operation: &str) -> Ident {
        format_ident!("__TypeOf{}{}", self.spec, camel(&format!("{}_{operation}", area.unraw())))
    }

    /// `v1_tstep`: the field that holds the weights of an operation.
    pub(super) fn field(&self, area: &Area, operation: &str) -> Ident {
        Ident::new(&format!("{}_{operation}", area.name.unraw()), area.name.span().resolved_at(Span::call_site()))
    }

    /// `v2_skip_v1`: the field of a connection into `into`.
    pub(super) fn link(&self, into: &Ident, link: &Link) -> Ident {
        format_ident!(
            "{}_{}_{}",
            into.unraw(),
            link.direction.word(),
            link.from_name.unraw(),
            span = link.from_name.span()
        )
    }

    /// `<R: Recurrence, E: .., D: ..>` from what comes after the user's parameters.
    pub(super) fn declare(&self, more: TokenStream) -> TokenStream {
        let declared = &self.params.declared;
        quote!(<#(#declared,)* #more>)
    }

    /// `NetModel<R, E, D>`.
    pub(super) fn built(&self, dtype: TokenStream, device: TokenStream) -> TokenStream {
        let (model, params) = (&self.model, &self.params.names);
        quote!(#model<#(#params,)* #dtype, #device>)
    }

    /// `NetModel<R, E, D>` in the usual names.
    pub(super) fn built_here(&self) -> TokenStream {
        self.built(self.dtype.to_token_stream(), self.device.to_token_stream())
    }
}

impl Params {
    fn new(model: &Model) -> Self {
        let params = &model.item.generics.params;
        let (krate, spec) = (&model.krate, &model.item.ident);
        let dv = quote!(#krate::__private);
        let declared = params.iter().map(|param| {
            let mut param = param.clone();
            match &mut param {
                GenericParam::Type(param) => {
                    param.default = None;
                    // what a model needs of its parts whichever trait they have
                    let bounds: [TypeParamBound; 3] =
                        [parse_quote!(#dv::Clone), parse_quote!(#dv::Debug), parse_quote!('static)];
                    param.bounds.extend(bounds);
                }
                GenericParam::Const(param) => param.default = None,
                GenericParam::Lifetime(_) => {}
            }
            param.to_token_stream()
        });
        let is_replaced = |default: &Default| matches!(default, Default::Type(default) if default.stand_in.is_some());
        let replaced = model.defaults.iter().rposition(is_replaced).map_or(0, |at| at + 1);
        let mut defaults: Vec<TokenStream> = Vec::new();
        for (at, default) in model.defaults.iter().enumerate() {
            defaults.push(match default {
                Default::Type(default) => default.sound(spec).to_token_stream(),
                Default::Const(param, value) if at >= replaced && !is_literal(value) => {
                    let (before, constant) = (&defaults[..replaced], const_default(param));
                    quote!({ <#spec<#(#before),*>>::#constant })
                }
                Default::Const(_, value) => value.to_token_stream(),
            });
        }
        let kept = params.iter().map(|param| match param {
            GenericParam::Type(TypeParam { ident, .. }) => ident.to_token_stream(),
            GenericParam::Const(ConstParam { ident, ty, .. }) => quote!(const #ident: #ty),
            GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
        });
        let names = params.iter().map(|param| match param {
            GenericParam::Type(param) => param.ident.clone(),
            GenericParam::Const(param) => param.ident.clone(),
            GenericParam::Lifetime(param) => param.lifetime.ident.clone(),
        });
        Params {
            declared: declared.collect(),
            kept: kept.collect(),
            names: names.collect(),
            replaced: defaults[..replaced].to_vec(),
            defaults,
            clause: model.item.generics.where_clause.to_token_stream(),
        }
    }
}

impl DefaultType {
    /// `__DefaultOfNetR`: the default as written.
    pub(super) fn named(&self, spec: &Ident) -> Ident {
        format_ident!("__DefaultOf{}{}", spec, self.param, span = Span::call_site())
    }

    /// `__SoundDefaultOfNetR`: the same, or what stands in for it where it is not what the parameter is to be.
    pub(super) fn sound(&self, spec: &Ident) -> Ident {
        match self.stand_in {
            Some(_) => format_ident!("__SoundDefaultOf{}{}", spec, self.param, span = Span::call_site()),
            None => self.named(spec),
        }
    }
}

/// `__N`: the parameter `N` as a constant of the struct.
pub(super) fn const_default(param: &Ident) -> Ident {
    format_ident!("__{}", param.unraw(), span = Span::call_site())
}

/// Whether a constant cannot be a mistake of the user's but in its type, which is told once.
pub(super) fn is_literal(value: &GenericArgument) -> bool {
    matches!(value, GenericArgument::Const(Expr::Lit(_)))
}

/// Every name that the user's struct and types mention.
fn used_names(model: &Model, components: &[&Component]) -> HashSet<String> {
    let mut names = HashSet::new();
    collect(model.item.to_token_stream(), &mut names);
    for component in components {
        collect(component.ty.to_token_stream(), &mut names);
    }
    names
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => drop(names.insert(ident.to_string())),
            TokenTree::Group(group) => collect(group.stream(), names),
            _ => {}
        }
    }
}

fn free(name: &str, used: &HashSet<String>) -> Ident {
    let mut name = name.to_owned();
    while used.contains(&name) {
        name.push('_');
    }
    Ident::new(&name, Span::call_site())
}
