//! What is held of each area: the state, the responses, and all that observers make of them.

use super::{Code, names::Names, shapes::Map};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

impl Code<'_> {
    /// What is held, by the name of its field: the areas, the input if it adapts, and the readouts if there are several.
    pub(super) fn held(&self) -> Vec<(Ident, &Map)> {
        let input = || (Ident::new("input", Span::call_site()), &self.shapes.input);
        let areas = self.model.areas.iter().zip(&self.shapes.areas);
        let areas = areas.map(|(area, shapes)| (area.name.clone(), &shapes.response));
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts);
        let answers = readouts.filter_map(|(readout, shapes)| Some((readout.name.clone(), shapes.answer.as_ref()?)));
        self.model.adaption.iter().map(|_| input()).chain(areas).chain(answers).collect()
    }

    /// `NetAreas`, `NetState`, `NetResponses`.
    pub(super) fn areas(&self) -> TokenStream {
        let Names { spec, areas, state, responses, vis, dv, dtype, device, batch, kind, .. } = self.names;
        let fields = self.held().into_iter().map(|(name, map)| {
            let shape = &map.shape;
            let doc = format!(" Of `{name}`: [`{spec}::{}`] for each image.", map.constant);
            quote! {
                #[doc = #doc]
                #vis #name: #kind::Value<#shape<#batch>, #dtype, #device>,
            }
        });
        let doc = format!(" What is held of each area of [`{spec}`]: see [`{state}`] and [`{responses}`].");
        let params = quote!(#kind, #batch, #dtype, #device);
        let alias = self.names.alias(areas, "Areas", &params, &params, &doc);
        quote! {
            #[doc = #doc]
            #[doc(hidden)] // people see the alias
            #[derive(#dv::Clone, #dv::Debug)]
            #vis struct #areas<#kind: #dv::PerArea, #batch: #dv::Dim, #dtype: #dv::Dtype, #device: #dv::Device<#dtype>> {
                #(#fields)*
            }
            #alias
            /// What each area remembers.
            #vis type #state<#batch, #dtype, #device> = #areas<#dv::State, #batch, #dtype, #device>;
            /// The responses of each area over time.
            #vis type #responses<#batch, #dtype, #device> = #areas<#dv::Stacked, #batch, #dtype, #device>;
        }
    }
}
