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

use crate::model::Model;
use names::Names;
use parts::Parts;
use proc_macro2::TokenStream;
use quote::quote;
use shapes::Shapes;

pub(crate) fn generate(model: &Model) -> TokenStream {
    let names = Names::new(model, &parts::components(model));
    let code = Code { model, names: &names, parts: Parts::new(model, &names), shapes: Shapes::new(model, &names) };
    let (krate, item) = (&model.krate, &model.item);
    let spec = [code.constants(), code.shape_types(), code.part_types()];
    let types = [code.weights(), code.areas()];
    let checks = [code.kind_checks(), code.shape_checks()];
    let traits = [code.build(), code.tensors(), code.generated_model(), code.module()];
    quote! {
        #[allow(dead_code)] // the fields are read by the macro
        #item
        #(#spec)*
        #(#types)*
        const _: () = {
            use #krate::__private as __dv;
            #(#checks)*
            #(#traits)*
        };
    }
}

/// All that the parts of the generator look at.
struct Code<'a> {
    model: &'a Model,
    names: &'a Names,
    parts: Parts,
    shapes: Shapes,
}
