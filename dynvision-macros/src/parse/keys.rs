//! Lists of keys, `pool = MaxPool2d<2>, skip(from = v1)`: the one grammar of all our attributes.

use crate::{
    errors::Errors,
    keys::{Key, Keys, home},
    suggest::{closest, did_you_mean},
};
use syn::{
    Error, Ident, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    token,
};

/// One key as written, before its value is read.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'static Key,
    pub(crate) name: Ident,
    input: ParseStream<'a>,
}

/// What of a list of keys is left out.
#[derive(Default)]
pub(crate) struct Left {
    /// Keys that belong to another attribute.
    pub(crate) misplaced: Vec<&'static Key>,
    /// Whether something stands there that is no key: what was meant by it is not known.
    pub(crate) unreadable: bool,
}

impl Keys {
    /// Reads a list of keys. A mistake in one entry leaves the others readable. Says whether there was none.
    pub(crate) fn read(
        &self,
        input: ParseStream<'_>,
        errors: &mut Errors,
        each: impl FnMut(Entry<'_>, &mut Errors) -> Result<()>,
    ) -> bool {
        self.read_with(input, errors, &mut Left::default(), each)
    }

    /// As [`read`](Keys::read); gathers what is left out.
    pub(crate) fn read_with(
        &self,
        input: ParseStream<'_>,
        errors: &mut Errors,
        left: &mut Left,
        mut each: impl FnMut(Entry<'_>, &mut Errors) -> Result<()>,
    ) -> bool {
        let before = errors.len();
        let mut seen: Vec<&str> = Vec::new();
        while !input.is_empty() {
            match self.entry(input, &mut seen, left, errors, &mut each) {
                Ok(()) => separator(input, errors),
                Err(error) => {
                    errors.push(error);
                    skip_entry(input);
                    let _ = input.parse::<Option<Token![,]>>();
                }
            }
        }
        errors.len() == before
    }

    fn entry(
        &self,
        input: ParseStream<'_>,
        seen: &mut Vec<&'static str>,
        left: &mut Left,
        errors: &mut Errors,
        each: &mut impl FnMut(Entry<'_>, &mut Errors) -> Result<()>,
    ) -> Result<()> {
        let name = input.call(Ident::parse_any).map_err(|e| {
            left.unreadable = true;
            Error::new(e.span(), format!("expected a key; {}", self.known_keys()))
        })?;
        let Some(key) = self.resolve(&name, errors) else {
            left.misplaced.extend(home(&name.to_string()).map(|(key, _)| key));
            skip_entry(input);
            return Ok(());
        };
        if seen.contains(&key.name) && !key.repeats {
            errors.at(name.span(), format!("`{}` is given twice in {}", key.name, self.owner));
            skip_entry(input);
            return Ok(());
        }
        seen.push(key.name);
        each(Entry { key, name, input }, errors)
    }

    /// The key of this name. A misspelt one is reported and read as what it was meant to be.
    fn resolve(&self, name: &Ident, errors: &mut Errors) -> Option<&'static Key> {
        let text = name.unraw().to_string();
        let find = |wanted: &str| self.known.iter().find(|key| key.name == wanted);
        find(&text).or_else(|| {
            if let Some((key, attribute)) = home(&text) {
                let Key { name: text, example, .. } = key;
                errors
                    .at(name.span(), format!("`{text}` is no key of {}; write `{example}` in {attribute}", self.owner));
                return None;
            }
            let names = || self.known.iter().map(|key| key.name);
            let hint = did_you_mean(&text, names());
            errors.at(name.span(), format!("unknown key `{text}`{hint}\n{}", self.known_keys()));
            closest(&text, names()).and_then(find)
        })
    }

    fn known_keys(&self) -> String {
        let names: Vec<&str> = self.known.iter().map(|key| key.name).collect();
        format!("the keys of {} are: {}", self.owner, names.join(", "))
    }
}

impl Entry<'_> {
    /// `key = value`.
    pub(crate) fn value<T: Parse>(&self, kind: &str) -> Result<T> {
        self.value_with(kind, T::parse)
    }

    /// `key = value`, read by `parse`.
    pub(crate) fn value_with<T>(&self, kind: &str, parse: impl FnOnce(ParseStream<'_>) -> Result<T>) -> Result<T> {
        if !self.input.peek(Token![=]) {
            return Err(self.miswritten());
        }
        self.input.parse::<Token![=]>()?;
        // the end of the list is no place to look at
        let at = if self.input.is_empty() { self.name.span() } else { self.input.span() };
        let Key { name, example, .. } = self.key;
        parse(self.input).map_err(|_| Error::new(at, format!("`{name}` takes {kind}, as in `{example}`")))
    }

    /// `key(..)`: what stands in the parentheses.
    pub(crate) fn inside(&self, read: impl FnOnce(ParseStream<'_>)) -> Result<()> {
        if !self.input.peek(token::Paren) {
            return Err(self.miswritten());
        }
        let content;
        syn::parenthesized!(content in self.input);
        read(&content);
        Ok(())
    }

    /// Whether a value follows.
    pub(crate) fn has_value(&self) -> bool {
        self.input.peek(Token![=])
    }

    /// Whether a list follows, `= [..]`.
    pub(crate) fn has_list(&self) -> bool {
        self.input.peek(Token![=]) && self.input.peek2(token::Bracket)
    }

    /// Just `key`.
    pub(crate) fn flag(&self) -> Result<()> {
        if self.input.is_empty() || self.input.peek(Token![,]) { Ok(()) } else { Err(self.miswritten()) }
    }

    fn miswritten(&self) -> Error {
        Error::new(self.name.span(), format!("`{}` is written `{}`", self.key.name, self.key.example))
    }
}

/// Keys are separated by commas. Where another sign or none stands between two keys, both are read all the same.
fn separator(input: ParseStream<'_>, errors: &mut Errors) {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return;
    }
    errors.at(input.span(), "expected `,` before the next key");
    if input.parse::<Token![;]>().is_ok() || input.peek(Ident::peek_any) {
        return;
    }
    skip_entry(input);
    let _ = input.parse::<Option<Token![,]>>();
}

/// Drops tokens up to the comma before the next key. A comma alone is not enough: types have commas too.
pub(crate) fn skip_entry(input: ParseStream<'_>) {
    while !input.is_empty() {
        let next = input.peek(Token![,])
            && (input.peek2(Ident::peek_any) && (input.peek3(Token![=]) || input.peek3(token::Paren)));
        if next {
            return;
        }
        let _ = input.parse::<proc_macro2::TokenTree>();
    }
}
