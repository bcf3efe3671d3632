//! A valid model becomes code. Nothing can fail here.
//!
//! For a struct `Net`, in this order: the struct itself; its shapes (`shapes`); the names of its parts (`parts`); its
//! weights (`weights`); what is kept of its areas (`areas`); then, in one anonymous constant, the checks of its shapes
//! and the implementations of the traits (`weights`, `step`).

mod areas;
mod names;
mod parts;
mod shapes;
mod step;
mod weights;
mod wiring;

pub(crate) use parts::components;

use crate::model::Model;
use names::Names;
use parts::Parts;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use shapes::Shapes;

/// `with_item`: the struct as well.
pub(crate) fn generate(model: &Model, with_item: bool) -> TokenStream {
    let names = Names::new(model, &components(model));
    let code = Code { model, names: &names, parts: Parts::new(model, &names), shapes: Shapes::new(model, &names) };
    let krate = &model.krate;
    let spec = [code.constants(), code.shape_types(), code.part_types()];
    let types = [code.weights(), code.areas()];
    let checks = [code.kind_checks(), code.shape_checks()];
    let traits = [code.build(), code.tensors(), code.generated_model(), code.module()];
    // where the path of the library is the user's, it may lead nowhere: the struct is there all the same
    let item = if model.krate_is_written { model.item.clone() } else { code.item() };
    let item = with_item.then(|| {
        quote! {
            #[allow(dead_code)] // the fields are read by the macro
            #item
        }
    });
    let code = quote! {
        #(#spec)*
        #(#types)*
        const _: () = {
            use #krate::__private as __dv;
            #(#checks)*
            #(#traits)*
        };
    };
    if !model.krate_is_written {
        return quote!(#item #code);
    }
    // one path, through which all of it goes, is one error where it leads nowhere
    let at = krate.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span());
    let through = quote_spanned!(at=> __private::expanded);
    quote!(#item #krate::#through! { #code })
}

/// All that the parts of the generator look at.
struct Code<'a> {
    model: &'a Model,
    names: &'a Names,
    parts: Parts,
    shapes: Shapes,
}
