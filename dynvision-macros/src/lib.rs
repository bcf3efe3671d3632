//! The attribute macro `#[dyn_model]`.

mod errors;
mod generate;
mod model;
mod parse;
mod span;
mod suggest;
mod validate;

use errors::Errors;
use parse::Unusable;
use proc_macro2::TokenStream;
use quote::quote;

/// Describes a model.
#[proc_macro_attribute]
pub fn dyn_model(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into()).into()
}

/// The whole way: parse, validate, generate. What was generated is there even where there are errors.
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = match parse::parse(args, item, &mut errors) {
        Ok(source) => {
            let item = source.item.clone();
            match validate::validate(source, &mut errors) {
                Some(model) => generate::generate(&model),
                None => quote!(#item),
            }
        }
        Err(Unusable(item)) => item,
    };
    let errors = errors.into_compile_errors();
    quote! { #code #errors }
}

#[cfg(test)]
mod tests;
