//! The keys of `#[dyn_model(..)]`.

use super::{
    keys::{Entry, Left},
    value::{Order, Override, Time, list, name_of},
};
use crate::{
    errors::Errors,
    keys::{DYNAMICS, MODEL},
};
use proc_macro2::{Span, TokenStream};
use syn::{
    Error, Expr, Ident, Path, Result, Token, Type,
    parse::{ParseStream, Parser},
};

/// `left = [1, 32, 32]`.
pub(crate) struct Input {
    pub(crate) name: Ident,
    pub(crate) span: Span,
    pub(crate) entries: Vec<Expr>,
}

/// What stands in `#[dyn_model(..)]`.
#[derive(Default)]
pub(crate) struct Args {
    /// Where `input` stands, and its entries.
    pub(crate) input: Option<(Span, Vec<Expr>)>,
    /// Where `inputs` stands, and each with its entries.
    pub(crate) inputs: Option<(Span, Vec<Input>)>,
    pub(crate) operations: Option<Order>,
    pub(crate) solver: Option<Override>,
    pub(crate) nonlin: Option<Override>,
    pub(crate) dynamics: Vec<Time>,
    pub(crate) retina: Option<Type>,
    pub(crate) adaption: Option<Type>,
    pub(crate) krate: Option<Path>,
    /// Keys whose value could not be read: their absence is no second mistake.
    pub(crate) unread: Vec<&'static str>,
    /// Operations whose key was given here, though it belongs to an area: that none has it is no second mistake.
    pub(crate) misplaced: Vec<&'static str>,
}

impl Args {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args::default();
        let parser = |input: ParseStream<'_>| {
            let mut left = Left::default();
            MODEL.read_with(input, errors, &mut left, |entry, errors| {
                args.read(&entry, errors).inspect_err(|_| args.unread.push(entry.key.name))
            });
            args.misplaced = left.misplaced.iter().filter_map(|key| key.operation).collect();
            if left.unreadable {
                args.unread.extend(["input", "operations"]);
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        args
    }

    fn read(&mut self, entry: &Entry<'_>, errors: &mut Errors) -> Result<()> {
        match entry.key.name {
            "input" => self.input = Some(dimensions(entry, errors)?),
            "inputs" => {
                let mut all = Vec::new();
                let before = errors.len();
                entry.inside(|input| {
                    while !input.is_empty() {
                        match Input::read(input, errors) {
                            Ok(read) => all.push(read),
                            Err(error) => {
                                errors.at(
                                    error.span(),
                                    "`inputs` takes names with channels, height and width, as in `inputs(left = [1, 32, 32], right = [1, 32, 32])`",
                                );
                                super::keys::skip_entry(input);
                            }
                        }
                        let _ = input.parse::<Option<Token![,]>>();
                    }
                })?;
                // that there is none is no second mistake
                if all.is_empty() && errors.len() > before {
                    self.unread.push("inputs");
                } else {
                    self.inputs = Some((entry.name.span(), all));
                }
            }
            "operations" => self.operations = Some(Order::read(entry, errors)?),
            "solver" => self.solver = Some(Override::read(entry)?),
            "nonlin" => self.nonlin = Some(Override::read(entry)?),
            "dynamics" => entry.inside(|input| {
                DYNAMICS.read(input, errors, |entry, _| {
                    self.dynamics.push(Time::read(&entry)?);
                    Ok(())
                });
            })?,
            "retina" => self.retina = Some(entry.value("a type")?),
            "adaption" => self.adaption = Some(entry.value("a type")?),
            "crate" => self.krate = Some(entry.value_with("a path", Path::parse_mod_style)?),
            name => unreachable!("`{name}` is in the table of keys, but is not read"),
        }
        Ok(())
    }
}

impl Input {
    fn read(input: ParseStream<'_>, errors: &mut Errors) -> Result<Self> {
        let name = name_of("an input", input, errors)?;
        input.parse::<Token![=]>()?;
        let content;
        let span = syn::bracketed!(content in input).span.join();
        let mut entries = Vec::new();
        while !content.is_empty() {
            entries.push(content.parse()?);
            if !content.is_empty() && content.parse::<Token![,]>().is_err() {
                errors.at(content.span(), "expected `,` before the next entry");
            }
        }
        if !input.is_empty() && !input.peek(Token![,]) {
            errors.at(input.span(), "expected `,` before the next input");
            let _ = input.parse::<Option<Token![;]>>();
        }
        Ok(Input { name, span, entries })
    }
}

fn dimensions(entry: &Entry<'_>, errors: &mut Errors) -> Result<(Span, Vec<Expr>)> {
    list(
        entry,
        "channels, height and width",
        |input, _| {
            let span = input.span();
            input.parse().map_err(|_| Error::new(span, "a dimension is a number or a const expression"))
        },
        errors,
    )
}
