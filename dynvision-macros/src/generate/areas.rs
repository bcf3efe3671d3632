//! What is kept of each area: the state, the responses, and all that recorders make of them.

use super::{Code, names::Names};
use proc_macro2::TokenStream;
use quote::quote;

impl Code<'_> {
    /// `NetAreas`, `NetState`, `NetResponses`.
    pub(super) fn areas(&self) -> TokenStream {
        let Names { spec, areas, state, responses, vis, dv, dtype, device, batch, kind, .. } = self.names;
        let fields = self.model.areas.iter().zip(&self.shapes.areas).map(|(area, shapes)| {
            let (name, shape) = (&area.name, &shapes.answers.shape);
            let doc = format!("Of `{name}`: [`{spec}::{}`] for each image.", shapes.answers.constant);
            quote! {
                #[doc = #doc]
                #vis #name: #kind::Of<#shape<#batch>, #dtype, #device>,
            }
        });
        let doc = format!("What is kept of each area of [`{spec}`]: see [`{state}`] and [`{responses}`].");
        quote! {
            #[doc = #doc]
            #[derive(#dv::Clone, #dv::Debug)]
            #vis struct #areas<#kind: #dv::Kind, #batch: #dv::Dim, #dtype: #dv::Dtype, #device: #dv::Device<#dtype>> {
                #(#fields)*
            }
            /// What each area remembers.
            #vis type #state<#batch, #dtype, #device> = #areas<#dv::Past, #batch, #dtype, #device>;
            /// What each area answered over time.
            #vis type #responses<#batch, #dtype, #device> = #areas<#dv::Run, #batch, #dtype, #device>;
        }
    }
}
