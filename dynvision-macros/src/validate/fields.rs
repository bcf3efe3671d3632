//! Which fields are areas, which is the readout, and what they may be called.

use crate::{
    errors::Errors,
    parse::{self, Args, Field, Link, Role},
};
use proc_macro2::Span;
use std::collections::HashMap;
use syn::{Ident, ItemStruct, Path, Type, ext::IdentExt, parse_quote};

/// An area as written.
pub(crate) struct Area {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) keys: parse::Area,
}
pub(crate) type Areas = Vec<Area>;

/// The readout as written.
pub(crate) struct Readout {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) skips: Vec<Link>,
}

impl Readout {
    /// Stands in for a readout that is not there, so that the rest of the model is checked and generated.
    pub(crate) fn missing(krate: &Path) -> Self {
        let ty = parse_quote!(#krate::__private::Missing);
        Readout { name: Ident::new("__readout", Span::call_site()), ty, skips: Vec::new() }
    }
}

/// Exactly one field is the readout, it is the last, and there is an area before it.
pub(crate) fn check_roles(item: &ItemStruct, fields: Vec<Field>, errors: &mut Errors) -> (Areas, Option<Readout>) {
    let last = fields.len().saturating_sub(1);
    let mut areas = Areas::new();
    let mut readout: Option<Readout> = None;
    for (at, Field { name, ty, role }) in fields.into_iter().enumerate() {
        match role {
            Role::Area(keys) => areas.push(Area { name, ty, keys: *keys }),
            Role::Readout(second) if readout.is_some() => {
                errors.at(second.name.span(), format!("`{name}` is a second readout; a model has one"));
            }
            Role::Readout(keys) => {
                if at != last && !areas.is_empty() {
                    let message = format!("the readout `{name}` reads the last area: move it to the end of the struct");
                    errors.at(keys.name.span(), message);
                }
                readout = Some(Readout { name, ty, skips: keys.skips });
            }
        }
    }
    if areas.is_empty() {
        errors.at(
            item.ident.span(),
            format!("`{}` has no area; an area is a field such as `v1: RConv2d<3, 36>`", item.ident),
        );
    }
    if readout.is_none() {
        errors.at(item.ident.span(), format!("`{}` has no readout; put `#[readout]` on its last field", item.ident));
    }
    (areas, readout)
}

/// No area's name makes a name that the macro needs for something else, or that another area makes.
pub(crate) fn check_names(model: &Ident, areas: &Areas, readout: &Option<Readout>, args: &Args, errors: &mut Errors) {
    let mut taken: HashMap<String, String> = HashMap::new();
    let mut take = |name: String, whose: String| {
        taken.entry(name).or_insert(whose);
    };
    take(constant("input"), format!("the frame has `{model}::INPUT`"));
    for (field, what) in [("dynamics", "its time constants"), ("retina", "its retina"), ("adaption", "its adaption")] {
        let used = match field {
            "retina" => args.retina.is_some(),
            "adaption" => args.adaption.is_some(),
            _ => true,
        };
        if used {
            take(field.to_owned(), format!("the model keeps {what} under `{field}`"));
        }
    }
    for suffix in ["Model", "State", "Areas", "Responses"] {
        take(type_name(model, suffix), format!("the macro writes a type `{model}{suffix}`"));
    }
    let names = areas.iter().map(|area| &area.name).chain(readout.iter().map(|readout| &readout.name));
    for name in names {
        let text = name.unraw().to_string();
        let mine = [text.clone(), constant(&text), type_name(model, &camel(&text))];
        let clash = mine.iter().find_map(|name| taken.get(name).cloned());
        if let Some(whose) = clash {
            errors.at(name.span(), format!("`{text}` cannot be used here: {whose}; choose another name"));
        }
        for made in mine {
            taken.entry(made).or_insert_with(|| format!("`{text}` has it already, but for the case of its letters"));
        }
    }
}

fn type_name(model: &Ident, suffix: &str) -> String {
    format!("{}{suffix}", model.unraw())
}

/// The name of an area's constant: `v1_pool` gives `V1_POOL`.
pub(crate) fn constant(name: &str) -> String {
    name.to_uppercase()
}

/// The name of an area's type: `v1_pool` gives `V1Pool`.
pub(crate) fn camel(name: &str) -> String {
    name.split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
