//! The keys of `#[area(..)]` and `#[readout(..)]`.

use super::{
    keys::Entry,
    value::{Order, Override, Time, list, name_of},
};
use crate::{
    errors::Errors,
    keys::{AREA, FEEDBACK, Key, Keys, READOUT, SKIP},
    suggest::closest,
};
use syn::{
    Attribute, Expr, Ident, Meta, Result, Token, Type,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    token,
};

/// A field: an area, or the readout.
pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) role: Role,
}

pub(crate) enum Role {
    Area(Box<AreaKeys>),
    Readout(Readout),
}

/// What stands in `#[area(..)]`.
#[derive(Default)]
pub(crate) struct AreaKeys {
    /// What it gets.
    pub(crate) from: Vec<From>,
    pub(crate) skips: Vec<LinkKeys>,
    pub(crate) feedbacks: Vec<LinkKeys>,
    pub(crate) pool: Option<(Ident, Type)>,
    pub(crate) nonlin: Option<(Ident, Override)>,
    pub(crate) solver: Option<(Ident, Override)>,
    pub(crate) addext: Option<(Ident, Option<Type>)>,
    /// What is applied: its key, that key as written, the type.
    pub(crate) applied: Vec<(&'static Key, Ident, Type)>,
    pub(crate) own: Vec<Own>,
    pub(crate) operations: Option<Order>,
    pub(crate) times: Vec<Time>,
    /// Every key that was given, also those whose value could not be read.
    pub(crate) given: Vec<&'static str>,
}

/// What an area gets, as written: `v1`, or `feedback(v1)`.
#[derive(Clone)]
pub(crate) struct From {
    pub(crate) name: Ident,
    /// Whether it is the past of the area.
    pub(crate) is_past: bool,
}

/// `apply(gain = Gain<36>)`.
pub(crate) struct Own {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// `skip(from = v1, ..)`.
#[derive(Clone)]
pub(crate) struct LinkKeys {
    /// `skip` or `feedback`, as written.
    pub(crate) key: Ident,
    pub(crate) from: Ident,
    pub(crate) delay: Option<Time>,
    pub(crate) kernel: Option<Expr>,
    pub(crate) stride: Option<Expr>,
    pub(crate) integration: Option<Type>,
    pub(crate) options: Option<Type>,
    /// With its key.
    pub(crate) via: Option<(Ident, Type)>,
    pub(crate) force_conv: bool,
}

/// What stands in `#[readout(..)]`.
pub(crate) struct Readout {
    /// Where the attribute stands.
    pub(crate) name: Ident,
    /// What it reads.
    pub(crate) from: Vec<From>,
    pub(crate) skips: Vec<LinkKeys>,
}

impl Field {
    /// Takes our attributes from the field.
    pub(crate) fn parse(field: &mut syn::Field, errors: &mut Errors) -> Option<Self> {
        let name = field.ident.clone()?;
        let mut role: Option<Role> = None;
        field.attrs.retain(|attr| {
            if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
                errors.over(attr, format!("`#[cfg]` cannot stand on `{name}`: its neighbours' shapes depend on it; write one model for each case, and put `#[cfg]` on the models"));
                return false;
            }
            let Some(ours) = ours(attr, errors) else { return true };
            if role.is_some() {
                errors.over(attr, format!("`{name}` has a role already; a field has one `#[area]` or one `#[readout]`"));
            } else {
                role = Some(if ours == "area" { read_area(attr, errors) } else { read_readout(attr, errors) });
            }
            false
        });
        let role = role.unwrap_or_else(|| Role::Area(Box::default()));
        Some(Field { name, ty: field.ty.clone(), role })
    }
}

/// Whether an attribute is one of ours, or was meant to be.
fn ours(attr: &Attribute, errors: &mut Errors) -> Option<&'static str> {
    const OURS: [&str; 2] = ["area", "readout"];
    /// Attributes of the language and its tools that stand on fields.
    const FOREIGN: &[&str] = &["doc", "allow", "expect", "warn", "deny", "forbid", "deprecated", "rustfmt", "clippy"];
    let name = attr.path().get_ident()?.to_string();
    if let Some(ours) = OURS.into_iter().find(|known| *known == name) {
        return Some(ours);
    }
    let meant = closest(&name, OURS).filter(|_| !FOREIGN.contains(&name.as_str()))?;
    errors.over(attr.path(), format!("unknown attribute `#[{name}]`; did you mean `#[{meant}]`?"));
    Some(meant)
}

/// Reads what stands in the parentheses of an attribute, if there are any.
fn read_keys(attr: &Attribute, errors: &mut Errors, read: impl FnOnce(ParseStream<'_>, &mut Errors)) {
    match &attr.meta {
        Meta::Path(_) => {}
        Meta::List(list) => {
            let parser = |input: ParseStream<'_>| {
                read(input, errors);
                Ok(())
            };
            if let Err(error) = parser.parse2(list.tokens.clone()) {
                errors.push(error);
            }
        }
        Meta::NameValue(_) => {
            errors.over(attr, "keys stand in parentheses, as in `#[area(pool = MaxPool2d<3, 2, 1>)]`")
        }
    }
}

fn read_area(attr: &Attribute, errors: &mut Errors) -> Role {
    let mut area = Box::<AreaKeys>::default();
    read_keys(attr, errors, |input, errors| {
        AREA.read(input, errors, |entry, errors| area.read(&entry, errors));
    });
    Role::Area(area)
}

fn read_readout(attr: &Attribute, errors: &mut Errors) -> Role {
    let name =
        attr.path().get_ident().cloned().unwrap_or_else(|| Ident::new("readout", proc_macro2::Span::call_site()));
    let mut readout = Readout { name, from: Vec::new(), skips: Vec::new() };
    read_keys(attr, errors, |input, errors| {
        READOUT.read(input, errors, |entry, errors| {
            match entry.key.name {
                "from" => readout.from = From::read(&entry, errors)?,
                "skip" => readout.skips.extend(LinkKeys::read(&entry, &SKIP, errors)?),
                name => unreachable!("`{name}` is in the table of keys, but is not read"),
            }
            Ok(())
        });
    });
    Role::Readout(readout)
}

impl AreaKeys {
    fn read(&mut self, entry: &Entry<'_>, errors: &mut Errors) -> Result<()> {
        self.given.push(entry.key.name);
        match entry.key.name {
            _ if entry.key.applied => self.applied.push((entry.key, entry.name.clone(), entry.value("a type")?)),
            "from" => self.from = From::read(entry, errors)?,
            "skip" => self.skips.extend(LinkKeys::read(entry, &SKIP, errors)?),
            "feedback" => self.feedbacks.extend(LinkKeys::read(entry, &FEEDBACK, errors)?),
            "pool" => self.pool = Some(component(entry)?),
            "nonlin" => self.nonlin = Some((entry.name.clone(), Override::read(entry)?)),
            "solver" => self.solver = Some((entry.name.clone(), Override::read(entry)?)),
            "addext" => self.addext = addext(entry)?.map(|part| (entry.name.clone(), part)),
            "apply" => self.own.extend(Own::read(entry, errors)?),
            "operations" => self.operations = Some(Order::read(entry, errors)?),
            "tau" | "t_feedforward" | "t_recurrence" => self.times.push(Time::read(entry)?),
            name => unreachable!("`{name}` is in the table of keys, but is not read"),
        }
        Ok(())
    }
}

fn component(entry: &Entry<'_>) -> Result<(Ident, Type)> {
    Ok((entry.name.clone(), entry.value("a type")?))
}

/// `addext`, `addext = true`, or `addext = Type`; nothing where it is switched off.
fn addext(entry: &Entry<'_>) -> Result<Option<Option<Type>>> {
    if !entry.has_value() {
        return entry.flag().map(|()| Some(None));
    }
    entry.value_with("no value, `true` or `false`, or a type", |input| match input.peek(syn::LitBool) {
        true => Ok(input.parse::<syn::LitBool>()?.value.then_some(None)),
        false => Ok(Some(Some(input.parse()?))),
    })
}

/// A whole number, or an expression that may be one.
fn size(entry: &Entry<'_>) -> Result<Expr> {
    entry.value_with("a whole number from 1 on", |input| {
        let expr: Expr = input.parse()?;
        let sound = match &expr {
            // 0 is told with the shapes
            Expr::Lit(lit) => matches!(&lit.lit, syn::Lit::Int(int) if int.base10_parse::<usize>().is_ok()),
            Expr::Unary(_) => false,
            _ => true,
        };
        if sound { Ok(expr) } else { Err(input.error("no size")) }
    })
}

/// `force_conv`, or `force_conv = true`.
fn switch(entry: &Entry<'_>) -> Result<bool> {
    if !entry.has_value() {
        return entry.flag().map(|()| true);
    }
    entry.value_with("no value, or `true` or `false`", |input| Ok(input.parse::<syn::LitBool>()?.value))
}

impl From {
    /// `from = v1`, `from = feedback(v1)`, or `from = [..]` of these.
    fn read(entry: &Entry<'_>, errors: &mut Errors) -> Result<Vec<Self>> {
        if entry.has_list() {
            let (span, all) = list(entry, "a list of areas", |input, _| From::one(input), errors)?;
            if all.is_empty() {
                errors.at(
                    span,
                    "`from` names what it gets, as in `from = [v1, input]`; leave it out for the area before",
                );
            }
            return Ok(all);
        }
        entry.value_with("the name of an area", From::one).map(|one| vec![one])
    }

    fn one(input: ParseStream<'_>) -> Result<Self> {
        let name = input.call(Ident::parse_any)?;
        if name != "feedback" || !input.peek(token::Paren) {
            return Ok(From { name, is_past: false });
        }
        let content;
        syn::parenthesized!(content in input);
        let name = content.call(Ident::parse_any)?;
        content.is_empty().then_some(From { name, is_past: true }).ok_or_else(|| content.error("expected `)`"))
    }
}

impl Own {
    /// `apply(a = A, b = B)`: any names, each with a type.
    fn read(entry: &Entry<'_>, errors: &mut Errors) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        entry.inside(|input| {
            while !input.is_empty() {
                match Own::one(input, errors) {
                    Ok(own) => all.push(own),
                    Err(error) => {
                        errors.at(
                            error.span(),
                            "`apply` takes a name for the operation and its type, as in `apply(gain = Gain<36>)`",
                        );
                        super::keys::skip_entry(input);
                    }
                }
                let _ = input.parse::<Option<Token![,]>>();
            }
        })?;
        Ok(all)
    }

    fn one(input: ParseStream<'_>, errors: &mut Errors) -> Result<Self> {
        let name = name_of("an operation", input, errors)?;
        input.parse::<Token![=]>()?;
        let own = Own { name, ty: input.parse()? };
        if !input.is_empty() && !input.peek(Token![,]) {
            errors.at(input.span(), "expected `,` before the next operation");
        }
        Ok(own)
    }
}

impl LinkKeys {
    /// `skip(v1)` is meant as `skip(from = v1)`.
    fn bare(input: ParseStream<'_>, keys: &Keys, errors: &mut Errors) -> Option<Ident> {
        let ahead = input.fork();
        let name = ahead.call(Ident::parse_any).ok()?;
        let is_alone = ahead.is_empty() || ahead.peek(Token![,]);
        if !is_alone || keys.known.iter().any(|key| name == key.name) {
            return None;
        }
        let name = input.call(Ident::parse_any).ok()?;
        let _ = input.parse::<Option<Token![,]>>();
        errors.at(name.span(), format!("the source of a connection is named by a key: `from = {name}`"));
        Some(name)
    }

    fn read(entry: &Entry<'_>, keys: &Keys, errors: &mut Errors) -> Result<Option<Self>> {
        let mut from: Option<Ident> = None;
        let mut sound = false;
        let (mut delay, mut kernel, mut stride, mut integration) = (None, None, None, None);
        let (mut options, mut via, mut force_conv) = (None, None, false);
        entry.inside(|input| {
            from = LinkKeys::bare(input, keys, errors);
            sound = keys.read(input, errors, |entry, _| {
                match entry.key.name {
                    "from" => {
                        from = Some(entry.value_with("the name of an area", Ident::parse_any)?);
                    }
                    "delay" => delay = Some(Time::read(&entry)?),
                    "kernel" => kernel = Some(size(&entry)?),
                    "stride" => stride = Some(size(&entry)?),
                    "integration" => integration = Some(entry.value("a type")?),
                    "options" => options = Some(entry.value("a type")?),
                    "via" => via = Some(component(&entry)?),
                    "force_conv" => force_conv = switch(&entry)?,
                    name => unreachable!("`{name}` is in the table of keys, but is not read"),
                }
                Ok(())
            });
        })?;
        if from.is_none() && sound {
            let key = entry.key;
            errors.at(entry.name.span(), format!("`{}` needs the area it comes from: `{}`", key.name, key.example));
        }
        Ok(from.map(|from| LinkKeys {
            key: entry.name.clone(),
            from,
            delay,
            kernel,
            stride,
            integration,
            options,
            via,
            force_conv,
        }))
    }
}
