//! What a model knows of itself at run time.

use super::Code;
use crate::model::{Area, Direction, Link, Operation, Time};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

impl Code<'_> {
    /// `Net::WIRING`.
    pub(super) fn wiring(&self) -> TokenStream {
        let (dv, spec) = (&self.names.dv, &self.names.spec);
        let name = spec.to_string();
        let areas = (0..self.model.areas.len()).map(|at| self.area_wiring(at));
        let links = self.model.links().map(|(into, link)| link_wiring(into, link));
        quote! {
            {
                use #dv as __dv;
                __dv::Wiring { name: #name, input: #spec::INPUT, areas: &[#(#areas),*], links: &[#(#links),*] }
            }
        }
    }

    fn area_wiring(&self, at: usize) -> TokenStream {
        let spec = &self.names.spec;
        let (area, shapes) = (&self.model.areas[at], &self.shapes.areas[at]);
        let (name, layer) = (area.name.unraw().to_string(), written(&area.layer.ty));
        let operations = area.operations.iter().map(Operation::name);
        let (input, response, output) = (&shapes.input.constant, &shapes.response.constant, &shapes.output.constant);
        let times = self.area_times(area);
        let numbers = area.operations.iter().find_map(|operation| match operation {
            Operation::Apply(name, _) if name == "supralin" => Some(self.concrete_part(&area.name, "supralin")),
            _ => None,
        });
        let numbers = numbers.map_or(quote!(&[]), |part| quote!(<#part as __dv::Operation>::NUMBERS));
        quote! {
            __dv::Area {
                name: #name,
                layer: #layer,
                operations: &[#(#operations),*],
                input: #spec::#input,
                response: #spec::#response,
                output: #spec::#output,
                times: #times,
                numbers: #numbers,
            }
        }
    }

    fn area_times(&self, area: &Area) -> TokenStream {
        if area.times.is_empty() {
            return quote!(__dv::AreaDynamics::DEFAULT);
        }
        let set = area.times.iter().map(|Time { name, value }| quote!(#name: __dv::Option::Some(#value)));
        quote!(__dv::AreaDynamics { #(#set,)* ..__dv::AreaDynamics::DEFAULT })
    }
}

fn link_wiring(into: usize, link: &Link) -> TokenStream {
    let kind = match link.direction {
        Direction::Skip => quote!(Skip),
        Direction::Feedback => quote!(Feedback),
    };
    let from = link.from;
    let delay = match &link.delay {
        Some(Time { value, .. }) => quote!(__dv::Option::Some(#value)),
        None => quote!(__dv::Option::None),
    };
    quote!(__dv::Link { kind: __dv::LinkKind::#kind, from: #from, into: #into, delay: #delay })
}

/// A type as one would write it.
fn written(ty: &syn::Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [(" :: ", "::"), (" < ", "<"), (" >", ">"), (" ,", ","), ("< ", "<"), (":: ", "::")] {
        text = text.replace(spaced, tight);
    }
    text
}
