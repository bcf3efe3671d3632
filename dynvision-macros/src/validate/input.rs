//! The frame.

use crate::{errors::Errors, model::Input, parse::Args};
use proc_macro2::Span;
use syn::{Expr, Lit, ext::IdentExt, parse_quote};

/// The frame, and what stands beside it: `input`, or `inputs` with names that differ.
pub(crate) fn check_inputs(args: &Args, errors: &mut Errors) -> ([Expr; 3], Vec<Input>) {
    let Some((span, inputs)) = &args.inputs else { return (check_input(args, errors), Vec::new()) };
    if args.input.is_some() {
        errors.at(*span, "`input` is given as well; a model has one frame by `input`, or several by `inputs`");
    }
    let mut all: Vec<Input> = Vec::new();
    for input in inputs {
        let name = input.name.unraw();
        if all.iter().any(|other| other.name.unraw() == name) {
            errors.at(input.name.span(), format!("the input `{name}` is given twice; give the second another name"));
            continue;
        }
        let entries: Vec<Expr> = input.entries.iter().map(|entry| check_dimension(entry, errors)).collect();
        let map = <[Expr; 3]>::try_from(entries).unwrap_or_else(|entries| {
            let found = entries.len();
            errors.at(
                input.span,
                format!("`{name}` has three entries, channels, height and width, as in `{name} = [3, 32, 32]`; found {found}"),
            );
            empty()
        });
        all.push(Input { name: input.name.clone(), map });
    }
    if all.is_empty() {
        errors
            .at(*span, "`inputs` names the frames of a step, as in `inputs(left = [1, 32, 32], right = [1, 32, 32])`");
        return (empty(), all);
    }
    let first = all.remove(0);
    (first.map, all)
}

fn empty() -> [Expr; 3] {
    [parse_quote!(0), parse_quote!(0), parse_quote!(0)]
}

/// `input` is given, has three entries, and none is zero. What is missing becomes 0: no later rule looks at an empty
/// frame.
fn check_input(args: &Args, errors: &mut Errors) -> [Expr; 3] {
    const EXAMPLE: &str = "as in `input = [3, 32, 32]`";
    let Some((span, entries)) = &args.input else {
        if !args.unread.contains(&"input") && !args.unread.contains(&"inputs") {
            let message = format!("`#[dyn_model]` needs the frame's channels, height and width, {EXAMPLE}");
            errors.at(Span::call_site(), message);
        }
        return empty();
    };
    let entries: Vec<Expr> = entries.iter().map(|entry| check_dimension(entry, errors)).collect();
    <[Expr; 3]>::try_from(entries).unwrap_or_else(|entries| {
        let found = entries.len();
        errors.at(*span, format!("`input` has three entries, channels, height and width, {EXAMPLE}; found {found}"));
        empty()
    })
}

/// A literal dimension is a positive whole number. (Other const expressions are checked by the library.) What is none becomes 0.
fn check_dimension(entry: &Expr, errors: &mut Errors) -> Expr {
    let message = match entry {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) if int.base10_parse::<usize>().is_ok_and(|n| n > u32::MAX as usize) => {
                "a dimension of the frame is too large: units of a map are counted in 32 bits"
            }
            Lit::Int(int) if int.base10_parse::<usize>().is_ok_and(|n| n > 0) => return entry.clone(),
            Lit::Int(int) if int.base10_digits() == "0" => "a dimension of the frame cannot be 0",
            _ => "a dimension of the frame is a positive whole number",
        },
        Expr::Unary(_) => "a dimension of the frame is a positive whole number",
        _ => return entry.clone(),
    };
    errors.over(entry, message);
    parse_quote!(0)
}
