//! Values of keys.

use super::keys::Entry;
use crate::{errors::Errors, operations::is_operation};
use proc_macro2::Span;
use syn::{
    Error, Expr, ExprUnary, Ident, Lit, LitStr, Result, Token, Type, UnOp,
    ext::IdentExt,
    parse::ParseStream,
    token::{self, Bracket},
};

/// A time in milliseconds. Any const expression is allowed; of a literal the value is known now.
#[derive(Clone)]
pub(crate) struct Time {
    /// The key that is meant, where it is written.
    pub(crate) name: Ident,
    pub(crate) expr: Expr,
    pub(crate) literal: Option<f64>,
}

impl Time {
    pub(crate) fn read(entry: &Entry<'_>) -> Result<Self> {
        let (expr, literal) = entry.value_with("a time in milliseconds", |input| {
            let expr: Expr = input.parse()?;
            let literal = number(&expr)?;
            Ok((expr, literal))
        })?;
        Ok(Time { name: Ident::new(entry.key.name, entry.name.span()), expr, literal })
    }
}

/// The value of a literal number, perhaps with a sign; `None` for other expressions; an error for other literals.
fn number(expr: &Expr) -> Result<Option<f64>> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) => int.base10_parse().map(Some),
            Lit::Float(float) => match float.base10_parse::<f64>()? {
                ms if ms.is_finite() => Ok(Some(ms)),
                _ => Err(Error::new_spanned(float, "infinite")),
            },
            other => Err(Error::new_spanned(other, "no number")),
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(number(expr)?.map(|value| -value)),
        _ => Ok(None),
    }
}

/// `solver = Type` in place of the model's, or `solver = none`.
#[allow(clippy::large_enum_variant)] // a handful exist, each for a moment
pub(crate) enum Override {
    None,
    Type(Box<Type>),
}

impl Override {
    pub(crate) fn read(entry: &Entry<'_>) -> Result<Self> {
        let ty: Type = entry.value("a type or `none`")?;
        let none = matches!(&ty, Type::Path(path) if path.path.is_ident("none"));
        Ok(if none { Override::None } else { Override::Type(Box::new(ty)) })
    }
}

/// `operations = [layer, tstep, ..]`.
#[derive(Clone)]
pub(crate) struct Order {
    /// Where the list stands.
    pub(crate) span: Span,
    pub(crate) names: Vec<Ident>,
}

impl Order {
    pub(crate) fn read(entry: &Entry<'_>, errors: &mut Errors) -> Result<Self> {
        let mut quoted = false;
        let (span, names) =
            list(entry, "a list of operations", |input, errors| operation(input, &mut quoted, errors), errors)?;
        Ok(Order { span, names })
    }
}

/// The name of an operation. Quotes are reported once in a list, and what they hold is read.
fn operation(input: ParseStream<'_>, quoted: &mut bool, errors: &mut Errors) -> Result<Ident> {
    let span = input.span();
    if let Ok(text) = input.parse::<LitStr>() {
        let name: Ident = text.parse().map_err(|_| Error::new(span, "an operation is a name, as in `layer`"))?;
        if !std::mem::replace(quoted, true) {
            errors.at(span, format!("operations are names without quotes: write `{name}`"));
        }
        return Ok(name);
    }
    let mut name =
        input.call(Ident::parse_any).map_err(|_| Error::new(span, "an operation is a name, as in `layer`"))?;
    if input.peek(Token![::]) {
        while input.parse::<Token![::]>().is_ok() {
            name = input.call(Ident::parse_any)?;
        }
        errors.at(span, format!("an operation is a name, and no path: write `{name}`"));
    }
    if input.peek(token::Paren) {
        let at = input.span();
        input.parse::<proc_macro2::TokenTree>()?;
        errors.at(at, format!("an operation is a name alone: write `{name}`"));
    }
    if input.peek(Token![=]) {
        errors.at(
            input.span(),
            format!("an operation is a name alone: write `{name}`; what it runs is a key of its own"),
        );
        while !input.is_empty() && !input.peek(Token![,]) {
            input.parse::<proc_macro2::TokenTree>()?;
        }
    }
    // `r#delay` is `delay`
    let plain = name.unraw();
    Ok(if is_operation(&plain) { plain } else { name })
}

/// A name. One in quotes is reported, and read.
pub(crate) fn name_of(what: &str, input: ParseStream<'_>, errors: &mut Errors) -> Result<Ident> {
    let span = input.span();
    let Ok(text) = input.parse::<LitStr>() else { return input.call(Ident::parse_any) };
    let name: Ident = text.parse()?;
    errors.at(span, format!("the name of {what} stands without quotes: write `{name}`"));
    Ok(name)
}

/// `key = [item, item, ..]`; a bad item is reported and left out, and so is the first missing comma.
pub(crate) fn list<T>(
    entry: &Entry<'_>,
    kind: &str,
    mut item: impl FnMut(ParseStream<'_>, &mut Errors) -> Result<T>,
    errors: &mut Errors,
) -> Result<(Span, Vec<T>)> {
    entry.value_with(kind, |input| {
        let content;
        let Bracket { span } = syn::bracketed!(content in input);
        let mut items = Vec::new();
        let mut separated = true;
        while !content.is_empty() {
            let found = item(&content, errors);
            if found.is_ok() && !content.is_empty() && !content.peek(Token![,]) {
                if std::mem::replace(&mut separated, false) {
                    errors.at(content.span(), "expected `,` before the next entry");
                }
                // other signs stand for the comma
                while !(content.is_empty()
                    || content.peek(Token![,])
                    || content.peek(Ident::peek_any)
                    || content.peek(Lit))
                {
                    content.parse::<proc_macro2::TokenTree>()?;
                }
            }
            match found {
                Ok(found) => items.push(found),
                Err(error) => {
                    errors.push(error);
                    while !content.is_empty() && !content.peek(Token![,]) {
                        content.parse::<proc_macro2::TokenTree>()?;
                    }
                }
            }
            content.parse::<Option<Token![,]>>()?;
        }
        Ok((span.join(), items))
    })
}
