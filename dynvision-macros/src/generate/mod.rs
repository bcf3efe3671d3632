//! A valid model becomes code. Nothing can fail here.

use crate::model::Model;
use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn generate(model: &Model) -> TokenStream {
    let item = &model.item;
    quote!(#item)
}
