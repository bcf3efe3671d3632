//! Where the errors of generated code land.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, quote};

/// `callee(args)`, whose span runs over all of `over`. The callee carries the span of the first token, the parentheses
/// that of the last: stable Rust cannot join two spans, but rustc reports a call from its callee to its parentheses.
pub(crate) fn call_over(over: &impl ToTokens, callee: TokenStream, args: TokenStream) -> TokenStream {
    let mut spans = over.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let callee = at(first, callee);
    let mut parentheses = Group::new(Delimiter::Parenthesis, args);
    parentheses.set_span(last);
    quote! { #callee #parentheses }
}

/// The same tokens with the span of the user's: rustc takes what they say for the user's own words.
fn at(span: Span, tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}
