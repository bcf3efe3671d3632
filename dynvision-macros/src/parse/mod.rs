//! Tokens become spanned raw parts. Everything that can be read is read, so that one mistake hides no other.

mod args;
mod field;
mod keys;
mod value;

pub(crate) use args::Args;
pub(crate) use field::{AreaKeys, Field, From, LinkKeys, Role};
pub(crate) use value::{Order, Override, Time};

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, Fields, Generics, Ident, Item, ItemStruct, Token, Variant, Visibility,
    parse::{ParseStream, Parser},
    visit_mut::VisitMut,
};

/// What stands in the source: the struct without our attributes, and what they said.
pub(crate) struct Source {
    pub(crate) item: ItemStruct,
    pub(crate) args: Args,
    pub(crate) fields: Vec<Field>,
}

/// Why there is nothing to go on with.
pub(crate) struct Unusable {
    /// The item, as far as it can be kept.
    pub(crate) item: TokenStream,
    /// What a model of it would be called, if there can be one.
    pub(crate) head: Option<Box<Head>>,
    /// It cannot be read, of which the compiler has told: it reads what an attribute stands on before the attribute does.
    pub(crate) is_unread: bool,
}

/// What stands before the braces of a struct.
pub(crate) struct Head {
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
}

pub(crate) fn parse(args: TokenStream, item: TokenStream, errors: &mut Errors) -> Result<Source, Unusable> {
    let mut item = parse_struct(item, errors)?;
    check_once(&mut item, errors);
    let args = Args::parse(args, errors);
    let fields = item.fields.iter_mut().filter_map(|field| Field::parse(field, errors)).collect();
    Ok(Source { item, args, fields })
}

/// A struct is described once: a second `#[dyn_model]` is taken away.
fn check_once(item: &mut ItemStruct, errors: &mut Errors) {
    item.attrs.retain(|attr| {
        let again = attr.path().segments.last().is_some_and(|segment| segment.ident == "dyn_model");
        if again {
            errors.over(attr.path(), "`#[dyn_model]` is given twice; remove one of the two");
        }
        !again
    });
}

/// A model is a struct with named fields.
fn parse_struct(tokens: TokenStream, errors: &mut Errors) -> Result<ItemStruct, Unusable> {
    const WANTED: &str = "`#[dyn_model]` describes a struct with named fields, one for each area, the last the readout";
    let mut item = match syn::parse2::<Item>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => {
            let head = head(tokens.clone());
            if head.is_none() {
                errors.push(error);
            }
            let item = if head.is_none() { tokens } else { TokenStream::new() };
            return Err(Unusable { item, head, is_unread: true });
        }
    };
    let (name, vis, generics) = match &item {
        Item::Struct(item) => match &item.fields {
            Fields::Named(_) => return Ok(item.clone()),
            Fields::Unnamed(fields) => {
                errors.over(fields, format!("{WANTED}; give these fields names"));
                (&item.ident, &item.vis, &item.generics)
            }
            Fields::Unit => {
                errors.at(item.ident.span(), format!("{WANTED}; this one has no fields"));
                (&item.ident, &item.vis, &item.generics)
            }
        },
        Item::Enum(item) => {
            errors.at(item.enum_token.span, format!("{WANTED}; this is an enum"));
            (&item.ident, &item.vis, &item.generics)
        }
        Item::Union(item) => {
            errors.at(item.union_token.span, format!("{WANTED}; this is a union"));
            (&item.ident, &item.vis, &item.generics)
        }
        other => {
            errors.over(other, WANTED);
            Bare.visit_item_mut(&mut item);
            return Err(Unusable { item: item.into_token_stream(), head: None, is_unread: false });
        }
    };
    let head = Some(Box::new(Head { vis: vis.clone(), name: name.clone(), generics: generics.clone() }));
    Bare.visit_item_mut(&mut item);
    Err(Unusable { item: item.into_token_stream(), head, is_unread: false })
}

/// The head of a struct of which the rest cannot be read.
fn head(tokens: TokenStream) -> Option<Box<Head>> {
    let read = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![struct]>()?;
        let head = Head { vis, name: input.parse()?, generics: input.parse()? };
        input.parse::<TokenStream>()?;
        Ok(head)
    };
    read.parse2(tokens).ok().map(Box::new)
}

/// Takes our helper attributes away, so that an item that is no model is at least an item.
struct Bare;

impl VisitMut for Bare {
    fn visit_field_mut(&mut self, field: &mut syn::Field) {
        field.attrs.retain(is_foreign);
    }
    fn visit_variant_mut(&mut self, variant: &mut Variant) {
        variant.attrs.retain(is_foreign);
        syn::visit_mut::visit_variant_mut(self, variant);
    }
}

fn is_foreign(attr: &Attribute) -> bool {
    !attr.path().is_ident("area") && !attr.path().is_ident("readout")
}
