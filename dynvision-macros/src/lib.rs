//! The attribute macro `#[dyn_model]`.

mod case;
mod errors;
mod generate;
mod keys;
mod model;
mod operations;
mod parse;
mod rule;
mod span;
mod suggest;
mod validate;

use errors::Errors;
use parse::{Head, Unusable};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Path};

/// Makes a struct the description of a dynamic vision model.
///
/// Each field is an *area*; the last is the *readout*. The macro checks that they fit, at compile time, and writes the
/// model: its weights, its state, its typed responses, and one step in time. `dynvision::dyn_model` is this macro, and its
/// page begins with an example.
///
/// # What is written
///
/// For a struct `Net` with an area `v1`, in the struct's visibility:
///
/// | item | what it is |
/// |---|---|
/// | `Net::INPUT`, `Net::V1`, `Net::V1_POOL` | shapes: of a frame, of the response of the area, of what it sends on |
/// | `NetV1<B>` | the tensor shape `(batch, channels, rows, columns)` of the response of the area |
/// | `NetModel<E, D>` | the weights, in dtype `E` on device `D`; `dev.build_module::<Net, E>()` makes one |
/// | `NetState<B, E, D>` | the activity: what a step reads and updates |
/// | `NetResponses<B, E, D>` | the responses of each area over time, one field for each |
///
/// `NetModel` implements `DynModel` (step, run, record), and dfdx's `TensorCollection` and `Module`.
///
/// # Operations
///
/// | operation | what it does | runs for areas with |
/// |---|---|---|
/// | `layer` | the area's layer, with its recurrence. Required | |
/// | `addext` | adds a current from outside | `addext`, or `addext = Type` |
/// | `skip` | adds the responses of earlier areas | `skip(from = v1)` |
/// | `feedback` | adds earlier responses of later areas | `feedback(from = it)` |
/// | `tstep` | one step of the solver | all but `solver = none` |
/// | `nonlin` | the nonlinearity | all but `nonlin = none` |
/// | `supralin` | a power law | `supralin = Type` |
/// | `norm` | a normalisation | `norm = Type` |
/// | `record` | shows the response to observers. Required | |
/// | `delay` | stores the response as the area's state, and sends on what is due. Required | |
/// | `pool` | pooling | `pool = Type` |
/// | any other name | your own operation | `apply(name = Type)` |
///
/// An operation in the order that no area has is an error, and so is a key of an area that no operation runs.
///
#[doc = include_str!("keys.md")]
///
/// # Type parameters
///
/// They need defaults, as in `struct Net<R: Recurrence = Full, const N: usize = 10>`: shapes are computed with the
/// defaults put in. A model that is built with other types must have the same shapes; that alone is checked in
/// `cargo build`, not in `cargo check`.
///
/// # Errors
///
/// Mistakes are compile errors, at the token to change. All mistakes of a model are reported together.
#[proc_macro_attribute]
pub fn dyn_model(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into()).into()
}

/// The whole way: parse, validate, generate. What was generated is there even where there are errors.
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = match parse::parse(args.clone(), item, &mut errors) {
        Ok(source) => {
            let (item, krate) = (source.item.clone(), source.args.krate.clone());
            match validate::validate(source, &mut errors) {
                Some(model) => generate::generate(&model, true),
                None => {
                    let head =
                        Head { vis: item.vis.clone(), name: item.ident.clone(), generics: item.generics.clone() };
                    let stand_in = stand_in(head, krate, false);
                    quote!(#item #stand_in)
                }
            }
        }
        Err(Unusable { item, head, is_unread }) => {
            let krate = parse::Args::parse(args, &mut Errors::unheard()).krate;
            let stand_in = head.map(|head| {
                let unread = is_unread.then(|| unread(&head.name, krate.clone()));
                let stand_in = stand_in(*head, krate, is_unread);
                quote!(#stand_in #unread)
            });
            quote!(#item #stand_in)
        }
    };
    let errors = errors.into_compile_errors();
    quote! { #code #errors }
}

/// A model in place of one that cannot be made, so that what uses it is no second mistake. `with_item`: the struct as well.
fn stand_in(head: Head, krate: Option<Path>, with_item: bool) -> TokenStream {
    let Head { vis, name, generics } = head;
    let library = krate.clone().unwrap_or_else(validate::library);
    let of = krate.map(|krate| quote!(, crate = #krate));
    let args = quote!(input = [1, 1, 1], operations = [layer, record, delay] #of);
    let missing = quote!(#library::__private::Missing);
    let item = quote!(#vis struct #name #generics { __area: #missing, #[readout] __readout: #missing });
    let mut errors = Errors::unheard();
    let source = parse::parse(args, item, &mut errors).ok();
    let model = source.and_then(|source| validate::validate(source, &mut errors));
    model.map(|model| generate::generate(&model, with_item)).unwrap_or_default()
}

/// An error that the compiler gives where it has given no other.
fn unread(name: &Ident, krate: Option<Path>) -> TokenStream {
    let library = krate.unwrap_or_else(validate::library);
    quote_spanned! {name.span()=>
        const _: fn() = {
            #[deny(unused_must_use)]
            fn read() {
                #library::__private::unread();
            }
            read
        };
    }
}

#[cfg(test)]
mod tests;
