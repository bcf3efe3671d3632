//! Which fields are areas, which is the readout, and what they may be called.

use crate::{
    case::{camel, constant},
    errors::Errors,
    operations::is_operation,
    parse::{self, Args, Field, LinkKeys, Role},
};
use proc_macro2::Span;
use std::collections::HashMap;
use syn::{Ident, ItemStruct, Path, Type, ext::IdentExt, parse_quote};

/// An area as written.
pub(crate) struct AreaField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) keys: parse::AreaKeys,
}
pub(crate) type Areas = Vec<AreaField>;

/// The readout as written.
pub(crate) struct Readout {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) from: Vec<parse::From>,
    pub(crate) skips: Vec<LinkKeys>,
    /// Whether it is only taken for the readout, which the model lacks.
    pub(crate) presumed: bool,
}

impl Readout {
    /// Stands in for a readout that is not there, so that the rest of the model is checked and generated.
    pub(crate) fn missing(krate: &Path) -> Self {
        let ty = parse_quote!(#krate::__private::Missing);
        let name = Ident::new("__readout", Span::call_site());
        Readout { name, ty, from: Vec::new(), skips: Vec::new(), presumed: true }
    }

    /// Where no field is marked, the last was probably meant, if it is marked as nothing else.
    fn presumed(areas: &mut Areas) -> Option<Self> {
        let last = areas.pop_if(|area| area.keys.given.is_empty())?;
        Some(Readout { name: last.name, ty: last.ty, from: Vec::new(), skips: Vec::new(), presumed: true })
    }
}

/// At least one field is a readout, readouts stand after the areas, and there is an area before them.
pub(crate) fn check_roles(item: &ItemStruct, fields: Vec<Field>, errors: &mut Errors) -> (Areas, Vec<Readout>) {
    let last = fields.iter().rposition(|field| matches!(field.role, Role::Area(_)));
    let mut areas = Areas::new();
    let mut readouts: Vec<Readout> = Vec::new();
    for (at, Field { name, ty, role }) in fields.into_iter().enumerate() {
        match role {
            // two fields of one name are the compiler's to tell
            Role::Area(_) if areas.iter().any(|area| area.name.unraw() == name.unraw()) => {}
            Role::Area(keys) => areas.push(AreaField { name, ty, keys: *keys }),
            Role::Readout(keys) => {
                if last.is_some_and(|last| at < last) {
                    let message = match keys.from.is_empty() {
                        true => format!("the readout `{name}` reads the last area: move it to the end of the struct"),
                        false => format!(
                            "the readout `{name}` reads when all areas have run: move it to the end of the struct"
                        ),
                    };
                    errors.at(keys.name.span(), message);
                }
                readouts.push(Readout { name, ty, from: keys.from, skips: keys.skips, presumed: false });
            }
        }
    }
    if readouts.is_empty() && !areas.is_empty() {
        errors.at(item.ident.span(), format!("`{}` has no readout; put `#[readout]` on its last field", item.ident));
        readouts.extend(Readout::presumed(&mut areas));
    }
    if areas.is_empty() {
        let message = format!("`{}` has no area; an area is a field such as `v1: RConv2d<3, 36>`", item.ident);
        errors.at(item.ident.span(), message);
    }
    (areas, readouts)
}

/// No area's name makes a name that the macro needs for something else, or that another area makes. Gives those that do.
pub(crate) fn check_names(
    model: &Ident,
    areas: &Areas,
    readouts: &[Readout],
    args: &Args,
    errors: &mut Errors,
) -> Vec<Ident> {
    let mut clashing = Vec::new();
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
    for input in args.inputs.iter().flat_map(|(_, inputs)| inputs) {
        let text = input.name.unraw().to_string();
        for name in [text.clone(), constant(&text), type_name(model, &camel(&text))] {
            take(name, format!("the model has an input `{text}`"));
        }
    }
    let names = areas.iter().map(|area| &area.name).chain(readouts.iter().map(|readout| &readout.name));
    let mut earlier = Vec::new();
    for name in names {
        let text = name.unraw().to_string();
        let mine = [text.clone(), constant(&text), type_name(model, &camel(&text))];
        if text == "_" {
            clashing.push(name.clone()); // which the compiler tells
            continue;
        }
        if text.chars().all(|letter| letter == '_') {
            errors.at(
                name.span(),
                format!("`{text}` cannot be used here: the macro makes names of it, for which it needs letters"),
            );
            clashing.push(name.clone());
            continue;
        }
        let clash = mine.iter().find_map(|name| taken.get(name).cloned()).or_else(|| part_of_another(&text, areas));
        if let Some(whose) = clash {
            // two fields of one name are the compiler's to tell
            if !earlier.contains(&text) {
                errors.at(name.span(), format!("`{text}` cannot be used here: {whose}; choose another name"));
            }
            clashing.push(name.clone());
        }
        earlier.push(text.clone());
        for made in mine {
            taken
                .entry(made)
                .or_insert_with(|| format!("`{text}` has it already, but for underscores and the case of letters"));
        }
    }
    clashing
}

/// `v1_pool` may be the `pool` of `v1`.
fn part_of_another(name: &str, areas: &Areas) -> Option<String> {
    areas.iter().find_map(|area| {
        let owner = area.name.unraw().to_string();
        let part = name.strip_prefix(&owner)?.strip_prefix('_')?;
        let own = area.keys.own.iter().any(|own| own.name == part);
        let is_part =
            own || part == "input" || is_operation(part) || part.starts_with("skip_") || part.starts_with("feedback_");
        is_part.then(|| format!("the macro names the `{part}` of `{owner}` so"))
    })
}

fn type_name(model: &Ident, suffix: &str) -> String {
    format!("{}{suffix}", model.unraw())
}
