//! Type parameters, and what stands for them where shapes are computed.

use super::Mentioned;
use crate::errors::Errors;
use proc_macro2::Span;
use syn::{
    ConstParam, Expr, GenericArgument, GenericParam, Generics, Ident, Path, QSelf, Stmt, Token, Type, TypeParam,
    TypeParamBound, TypePath, parse_quote,
    punctuated::Punctuated,
    visit::Visit,
    visit_mut::{self, VisitMut},
};

/// Every parameter has a default, so that shapes are known, and none is a lifetime. A missing default is mended; gives
/// nothing where there is a lifetime.
pub(crate) fn check_generics(generics: &Generics, krate: &Path, errors: &mut Errors) -> Option<Defaults> {
    let mut defaults = Defaults { complete: true, all: Vec::new() };
    let mut lifetimes = false;
    for param in &generics.params {
        let (name, example, default, mended) = match param {
            GenericParam::Lifetime(param) => {
                errors.over(&param.lifetime, "a model owns all it is made of: `#[dyn_model]` takes no lifetimes");
                lifetimes = true;
                continue;
            }
            GenericParam::Type(TypeParam { ident, default, bounds, .. }) => {
                let default = default.as_ref().map(|(_, ty)| Default::Type(defaults.put_into(ty)));
                (ident, "Full", default, Default::Type(stand_in(bounds, krate)))
            }
            GenericParam::Const(ConstParam { ident, default, .. }) => (
                ident,
                "10",
                default.as_ref().map(|(_, expr)| Default::Const(bare(expr).clone())),
                Default::Const(parse_quote!(1)),
            ),
        };
        if default.is_none() {
            defaults.complete = false;
            let message = format!(
                "`{name}` needs a default, as in `{name} = {example}`: shapes are computed at compile time with the defaults of the parameters put in"
            );
            errors.over(param, message);
        }
        defaults.all.push((name.clone(), default.unwrap_or(mended)));
    }
    (!lifetimes).then_some(defaults)
}

/// A type of the library that keeps the bounds of a parameter, as far as they are the library's.
fn stand_in(bounds: &Punctuated<TypeParamBound, Token![+]>, krate: &Path) -> Type {
    const KEEPING: [(&str, &str); 4] =
        [("Recurrence", "NoRecurrence"), ("Solver", "Euler"), ("Operation", "Identity"), ("Nonlinearity", "Identity")];
    let names = bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let mut keeping = names.filter_map(|name| KEEPING.iter().find(|(bound, _)| name.ident == bound));
    match keeping.next() {
        Some((_, name)) => {
            let name = Ident::new(name, Span::call_site());
            parse_quote!(#krate::nn::#name)
        }
        None => parse_quote!(#krate::__private::Missing),
    }
}

/// The parameters and their defaults.
pub(crate) struct Defaults {
    /// Whether every parameter has one.
    pub(crate) complete: bool,
    all: Vec<(Ident, Default)>,
}

enum Default {
    Type(Type),
    Const(Expr),
}

impl Defaults {
    /// The type with every parameter replaced by its default.
    pub(crate) fn put_into(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        Substitution(self).visit_type_mut(&mut ty);
        ty
    }

    /// The defaults, in the order of the parameters.
    pub(crate) fn arguments(&self) -> Vec<GenericArgument> {
        let argument = |(_, default): &(Ident, Default)| match default {
            Default::Type(ty) => GenericArgument::Type(ty.clone()),
            Default::Const(expr) => GenericArgument::Const(braced(expr)),
        };
        self.all.iter().map(argument).collect()
    }

    fn of(&self, name: &Ident) -> Option<&Default> {
        self.all.iter().find(|(param, _)| param == name).map(|(_, default)| default)
    }
}

/// A type computes with no parameter, as in `{ C * 2 }`, which stable Rust refuses. Where one does, its default is put in.
#[derive(Default)]
pub(crate) struct ConstArguments {
    /// What computes, as written.
    computing: Vec<Expr>,
}

impl ConstArguments {
    /// The type without such arguments.
    pub(crate) fn mended(&mut self, ty: &Type, defaults: &Defaults) -> Type {
        let mut ty = ty.clone();
        Computing { found: &mut self.computing, defaults }.visit_type_mut(&mut ty);
        ty
    }

    pub(crate) fn check(self, generics: &Generics, errors: &mut Errors) {
        for expr in &self.computing {
            let mut mentioned = Mentioned::default();
            mentioned.visit_expr(expr);
            let param =
                generics.const_params().map(|param| &param.ident).find(|name| mentioned.0.contains(&name.to_string()));
            let Some(param) = param else { continue };
            let message = format!(
                "a type cannot compute with the parameter `{param}` (stable Rust): give the result a parameter of its own, as in \
                 `struct Net<const {param}: usize = 4, const {param}2: usize = 8>`, or make `{param}` a constant of the module, with which types compute"
            );
            errors.over(expr, message);
        }
    }
}

struct Computing<'a> {
    found: &'a mut Vec<Expr>,
    defaults: &'a Defaults,
}

impl VisitMut for Computing<'_> {
    fn visit_generic_argument_mut(&mut self, argument: &mut GenericArgument) {
        let GenericArgument::Const(expr) = &*argument else {
            return visit_mut::visit_generic_argument_mut(self, argument);
        };
        let mut mentioned = Mentioned::default();
        mentioned.visit_expr(expr);
        let computes = sole(expr).is_none_or(|name| self.defaults.of(name).is_none());
        if computes && self.defaults.all.iter().any(|(name, _)| mentioned.0.contains(&name.to_string())) {
            self.found.push(expr.clone());
            Substitution(self.defaults).visit_generic_argument_mut(argument);
        }
    }
}

/// `C` of `C` and of `{ C }`, which are no computation.
fn sole(expr: &Expr) -> Option<&Ident> {
    match bare(expr) {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    }
}

/// The expression in braces that hold nothing else.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Block(block) => match &block.block.stmts[..] {
            [Stmt::Expr(inner, None)] if block.attrs.is_empty() && block.label.is_none() => bare(inner),
            _ => expr,
        },
        _ => expr,
    }
}

struct Substitution<'a>(&'a Defaults);

impl VisitMut for Substitution<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && let Some(first) = path.path.segments.first()
            && let Some(Default::Type(default)) = self.0.of(&first.ident)
        {
            *ty = if path.path.segments.len() == 1 { default.clone() } else { associated(default, path) };
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }

    /// `N` in `Classifier<256, N>` looks like a type.
    fn visit_generic_argument_mut(&mut self, argument: &mut GenericArgument) {
        if let GenericArgument::Type(Type::Path(path)) = argument
            && let Some(name) = path.path.get_ident()
            && let Some(Default::Const(default)) = self.0.of(name)
        {
            *argument = GenericArgument::Const(braced(default));
            return;
        }
        visit_mut::visit_generic_argument_mut(self, argument);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = &*expr
            && let Some(name) = path.path.get_ident()
            && let Some(Default::Const(default)) = self.0.of(name)
        {
            *expr = default.clone();
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

/// A const argument that is no literal stands in braces.
fn braced(expr: &Expr) -> Expr {
    match expr {
        Expr::Lit(_) | Expr::Block(_) => expr.clone(),
        other => parse_quote!({ #other }),
    }
}

/// `R::Output` becomes `<Default>::Output`.
fn associated(default: &Type, path: &TypePath) -> Type {
    let mut path = path.clone();
    path.path.segments = path.path.segments.into_iter().skip(1).collect();
    path.path.leading_colon = Some(parse_quote!(::));
    let (lt_token, gt_token) = (parse_quote!(<), parse_quote!(>));
    path.qself = Some(QSelf { lt_token, ty: Box::new(default.clone()), position: 0, as_token: None, gt_token });
    Type::Path(path)
}
