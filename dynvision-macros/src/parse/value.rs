//! Values of keys.

use super::keys::Entry;
use crate::errors::Errors;
use proc_macro2::Span;
use syn::{Error, Expr, ExprUnary, Ident, Lit, Result, Token, UnOp, ext::IdentExt, parse::ParseStream, token::Bracket};

/// A time in milliseconds. Any const expression is allowed; of a literal the value is known now.
#[derive(Clone)]
pub(crate) struct Time {
    /// The key, as written.
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
        Ok(Time { name: entry.name.clone(), expr, literal })
    }
}

/// The value of a literal number, perhaps with a sign; `None` for other expressions; an error for other literals.
fn number(expr: &Expr) -> Result<Option<f64>> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) => int.base10_parse().map(Some),
            Lit::Float(float) => float.base10_parse().map(Some),
            other => Err(Error::new_spanned(other, "no number")),
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(number(expr)?.map(|value| -value)),
        _ => Ok(None),
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
        let (span, names) = list(
            entry,
            "a list of operations",
            |input| {
                let span = input.span();
                input.call(Ident::parse_any).map_err(|_| Error::new(span, "an operation is a name, as in `layer`"))
            },
            errors,
        )?;
        Ok(Order { span, names })
    }
}

/// `key = [item, item, ..]`; a bad item is reported and left out.
pub(crate) fn list<T>(
    entry: &Entry<'_>,
    kind: &str,
    item: impl Fn(ParseStream<'_>) -> Result<T>,
    errors: &mut Errors,
) -> Result<(Span, Vec<T>)> {
    let (span, items) = entry.value_with(kind, |input| {
        let content;
        let Bracket { span } = syn::bracketed!(content in input);
        let mut items = Vec::new();
        while !content.is_empty() {
            match item(&content) {
                Ok(it) => items.push(Ok(it)),
                Err(error) => items.push(Err(error)),
            }
            while !content.is_empty() && !content.peek(Token![,]) {
                content.parse::<proc_macro2::TokenTree>()?;
            }
            content.parse::<Option<Token![,]>>()?;
        }
        Ok((span.join(), items))
    })?;
    let items = items.into_iter().filter_map(|it| it.map_err(|e| errors.push(e)).ok()).collect();
    Ok((span, items))
}
