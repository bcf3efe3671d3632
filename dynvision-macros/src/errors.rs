//! The sink of one expansion's errors: all are reported together, none is lost.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use std::fmt::Display;
use syn::Error;

/// Collects errors. In tests, dropping it unread panics, so that no rule can report into the void.
#[derive(Default)]
pub(crate) struct Errors {
    all: Vec<Error>,
    #[cfg(test)]
    read: bool,
}

impl Errors {
    /// For what reports nothing of its own.
    pub(crate) fn unheard() -> Self {
        Errors {
            all: Vec::new(),
            #[cfg(test)]
            read: true,
        }
    }

    pub(crate) fn push(&mut self, error: Error) {
        self.all.push(error);
    }

    /// An error at one token.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// An error that underlines all of `tokens`.
    pub(crate) fn over(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    #[cfg(test)]
    pub(crate) fn messages(mut self) -> Vec<String> {
        self.read = true;
        self.all.iter().map(Error::to_string).collect()
    }

    pub(crate) fn into_compile_errors(mut self) -> TokenStream {
        #[cfg(test)]
        {
            self.read = true;
        }
        std::mem::take(&mut self.all).iter().map(Error::to_compile_error).collect()
    }
}

#[cfg(test)]
impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.read || std::thread::panicking(), "errors were collected, but nobody read them");
    }
}
