//! The frame.

use crate::{errors::Errors, parse::Args};
use proc_macro2::Span;
use syn::{Expr, Lit, parse_quote};

/// `input` is given, has three entries, and none is zero. What is missing becomes 0: no later rule looks at an empty
/// frame.
pub(crate) fn check_input(args: &Args, errors: &mut Errors) -> [Expr; 3] {
    const EXAMPLE: &str = "as in `input = [3, 32, 32]`";
    let empty = || [parse_quote!(0), parse_quote!(0), parse_quote!(0)];
    let Some((span, entries)) = &args.input else {
        if !args.unread.contains(&"input") {
            let message = format!("`#[dyn_model]` needs the frame's channels, height and width, {EXAMPLE}");
            errors.at(Span::call_site(), message);
        }
        return empty();
    };
    for entry in entries {
        check_dimension(entry, errors);
    }
    <[Expr; 3]>::try_from(entries.clone()).unwrap_or_else(|entries| {
        let found = entries.len();
        errors.at(*span, format!("`input` has three entries, channels, height and width, {EXAMPLE}; found {found}"));
        empty()
    })
}

/// A literal dimension is a positive whole number. (Other const expressions are checked by the library.)
fn check_dimension(entry: &Expr, errors: &mut Errors) {
    let message = match entry {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) if int.base10_parse::<usize>().is_ok_and(|n| n > 0) => return,
            Lit::Int(int) if int.base10_digits() == "0" => "a dimension of the frame cannot be 0",
            _ => "a dimension of the frame is a positive whole number",
        },
        Expr::Unary(_) => "a dimension of the frame is a positive whole number",
        _ => return,
    };
    errors.over(entry, message);
}
