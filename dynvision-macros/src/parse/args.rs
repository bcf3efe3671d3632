//! The keys of `#[dyn_model(..)]`.

use super::{
    keys::{Entry, Key, Keys},
    value::{Order, Time, list},
};
use crate::errors::Errors;
use proc_macro2::{Span, TokenStream};
use syn::{Error, Expr, Path, Result, Type, parse::Parser};

const MODEL: Keys = Keys {
    owner: "`#[dyn_model]`",
    known: &[
        Key::once("input", "input = [3, 32, 32]"),
        Key::once("operations", "operations = [layer, tstep, nonlin, record, delay]"),
        Key::once("solver", "solver = Euler"),
        Key::once("nonlin", "nonlin = Relu"),
        Key::once("dynamics", "dynamics(dt = 2.0, tau = 5.0)"),
        Key::once("retina", "retina = Retina<3, 16>"),
        Key::once("adaption", "adaption = InputAdaption"),
        Key::once("crate", "crate = ::dynvision"),
    ],
};

const DYNAMICS: Keys = Keys {
    owner: "`dynamics`",
    known: &[
        Key::once("dt", "dt = 2.0"),
        Key::once("tau", "tau = 5.0"),
        Key::once("t_feedforward", "t_feedforward = 0.0"),
        Key::once("t_recurrence", "t_recurrence = 6.0"),
        Key::once("t_skip", "t_skip = 0.0"),
        Key::once("t_feedback", "t_feedback = 30.0"),
    ],
};

/// What stands in `#[dyn_model(..)]`.
#[derive(Default)]
pub(crate) struct Args {
    /// Where `input` stands, and its entries.
    pub(crate) input: Option<(Span, Vec<Expr>)>,
    pub(crate) operations: Option<Order>,
    pub(crate) solver: Option<Type>,
    pub(crate) nonlin: Option<Type>,
    pub(crate) dynamics: Vec<Time>,
    pub(crate) retina: Option<Type>,
    pub(crate) adaption: Option<Type>,
    pub(crate) krate: Option<Path>,
    /// Keys whose value could not be read: their absence is no second mistake.
    pub(crate) unread: Vec<&'static str>,
}

impl Args {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Args::default();
        let parser = |input: syn::parse::ParseStream<'_>| {
            MODEL.read(input, errors, |entry, errors| {
                args.read(&entry, errors).inspect_err(|_| args.unread.push(entry.key.name))
            });
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
            "operations" => self.operations = Some(Order::read(entry, errors)?),
            "solver" => self.solver = Some(entry.value("a type")?),
            "nonlin" => self.nonlin = Some(entry.value("a type")?),
            "dynamics" => entry.inside(|input| {
                DYNAMICS.read(input, errors, |entry, _| {
                    self.dynamics.push(Time::read(&entry)?);
                    Ok(())
                });
            })?,
            "retina" => self.retina = Some(entry.value("a type")?),
            "adaption" => self.adaption = Some(entry.value("a type")?),
            _ => self.krate = Some(entry.value_with("a path", Path::parse_mod_style)?),
        }
        Ok(())
    }
}

fn dimensions(entry: &Entry<'_>, errors: &mut Errors) -> Result<(Span, Vec<Expr>)> {
    list(
        entry,
        "channels, height and width",
        |input| {
            let span = input.span();
            input.parse().map_err(|_| Error::new(span, "a dimension is a number or a const expression"))
        },
        errors,
    )
}
