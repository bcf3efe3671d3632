//! Where the errors of generated code land.

use proc_macro2::{Delimiter, Group, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Ident;

/// `callee(args)`, whose span runs over all of `over`. The callee carries the span of the first token, the parentheses
/// that of the last: stable Rust cannot join two spans, but rustc reports a call from its callee to its parentheses.
pub(crate) fn call_over(over: &impl ToTokens, callee: TokenStream, args: TokenStream) -> TokenStream {
    let (first, last) = ends(over);
    let callee = at(first, callee);
    let mut parentheses = Group::new(Delimiter::Parenthesis, args);
    parentheses.set_span(last);
    quote! { #callee #parentheses }
}

/// The path `name<arguments>`, whose span runs over all of `over`, by its first and last token.
pub(crate) fn path_over(
    over: &impl ToTokens,
    name: &Ident,
    arguments: impl Iterator<Item = TokenStream>,
) -> TokenStream {
    let (first, last) = ends(over);
    let mut name = name.clone();
    name.set_span(first);
    let (open, mut close) = (Punct::new('<', Spacing::Alone), Punct::new('>', Spacing::Alone));
    close.set_span(last);
    quote!(#name #open #(#arguments),* #close)
}

/// The spans of the first and the last token.
fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// The tokens with the span of the user's: rustc takes what they say for the user's own words. A literal is one, and stays
/// where it is.
fn at(span: Span, tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            let is_literal = match &token {
                TokenTree::Literal(_) => true,
                TokenTree::Ident(ident) => ident == "true" || ident == "false",
                _ => false,
            };
            if !is_literal {
                token.set_span(span);
            }
            token
        })
        .collect()
}
