//! Type parameters, and what stands for them where shapes are computed.

use super::Mentioned;
use crate::{
    errors::Errors,
    model::{Default, DefaultType},
};
use proc_macro2::Span;
use quote::ToTokens;
use syn::{
    ConstParam, Expr, GenericArgument, GenericParam, Generics, Ident, Lifetime, Path, QSelf, Stmt, Token, Type,
    TypeParamBound, TypePath, parse_quote,
    punctuated::Punctuated,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

/// Every parameter has a default, so that shapes are known, and none is a lifetime. A missing default is mended, and a lifetime
/// left out.
pub(crate) fn check_generics(generics: &mut Generics, krate: &Path, errors: &mut Errors) -> Defaults {
    let mut defaults = Defaults { complete: true, all: Vec::new() };
    for param in generics.lifetimes() {
        errors.over(&param.lifetime, OWNED);
    }
    let params = std::mem::take(&mut generics.params);
    generics.params = params.into_iter().filter(|param| !matches!(param, GenericParam::Lifetime(_))).collect();
    for param in &generics.params {
        let (name, example, default, mended) = match param {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(param) => {
                let stand_in = stand_in(&param.bounds, krate);
                let mended = stand_in.clone().unwrap_or_else(|| parse_quote!(#krate::__private::Missing));
                let of = |written: &Type| {
                    let concrete = defaults.put_into(written);
                    let mentions = concrete != *written;
                    DefaultType {
                        param: param.ident.clone(),
                        written: (!mentions).then(|| written.clone()),
                        concrete,
                        stand_in: stand_in.as_ref().map(|ty| (param.bounds.to_token_stream(), ty.clone())),
                    }
                };
                let default = param.default.as_ref().map(|(_, ty)| Default::Type(of(ty)));
                (&param.ident, "Full", default, Default::Type(of(&mended)))
            }
            GenericParam::Const(ConstParam { ident, default, .. }) => (
                ident,
                "10",
                default.as_ref().map(|(_, expr)| constant(ident, bare(expr))),
                constant(ident, &parse_quote!(1)),
            ),
        };
        if default.is_none() {
            defaults.complete = false;
            let message = format!(
                "`{name}` needs a default, as in `{name} = {example}`: shapes are computed at compile time with the defaults of the parameters put in"
            );
            errors.over(param, message);
        }
        defaults.all.push(default.unwrap_or(mended));
    }
    defaults
}

const OWNED: &str = "a model owns all it is made of: `#[dyn_model]` takes no lifetimes";

fn constant(name: &Ident, value: &Expr) -> Default {
    Default::Const(name.clone(), GenericArgument::Const(braced(value)))
}

/// A type of the parts says all that it is: no lifetime of something else, and nothing that only functions leave open. What does
/// not is `None`.
pub(crate) struct Owned {
    /// The lifetimes of the struct, which are told where they are declared.
    declared: Vec<Lifetime>,
    told: Vec<String>,
}

impl Owned {
    pub(crate) fn new(declared: Vec<Lifetime>) -> Self {
        Owned { declared, told: Vec::new() }
    }

    pub(crate) fn checked(&mut self, ty: &Type, errors: &mut Errors) -> Option<Type> {
        let mut found = Found::default();
        found.visit_type(ty);
        let is_told = self.told.contains(&ty.to_token_stream().to_string());
        if !is_told && (found.lifetime.is_some() || found.open.is_some()) {
            self.told.push(ty.to_token_stream().to_string());
            if let Some(lifetime) = found.lifetime.as_ref().filter(|lifetime| !self.declared.contains(lifetime)) {
                errors.over(lifetime, OWNED);
            }
            if let Some(open) = &found.open {
                errors.over(open, "a part is a type with a name, of which nothing is left open");
            }
        }
        (found.open.is_none() && found.lifetime.is_none()).then(|| ty.clone())
    }
}

/// What a type leaves open, or borrows.
#[derive(std::default::Default)]
struct Found {
    lifetime: Option<Lifetime>,
    open: Option<Type>,
}

impl Visit<'_> for Found {
    fn visit_type(&mut self, ty: &Type) {
        match ty {
            Type::ImplTrait(_) | Type::Infer(_) => self.open = Some(ty.clone()),
            // those have lifetimes of their own
            Type::FnPtr(_) | Type::TraitObject(_) => {}
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" {
            self.lifetime = Some(lifetime.clone());
        }
    }
}

/// A type of the library that keeps the bounds of a parameter, as far as they are the library's.
fn stand_in(bounds: &Punctuated<TypeParamBound, Token![+]>, krate: &Path) -> Option<Type> {
    const KEEPING: [(&str, &str); 9] = [
        ("Recurrence", "NoRecurrence"),
        ("RecurrenceTarget", "ToOutput"),
        ("Solver", "Euler"),
        ("Operation", "Identity"),
        ("Nonlinearity", "Identity"),
        ("ConvOptions", "DefaultOptions"),
        ("Integration", "Additive"),
        ("Layer", "Missing"),
        ("Readout", "Missing"),
    ];
    let names = bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let mut keeping = names.filter_map(|name| KEEPING.iter().find(|(bound, _)| name.ident == bound));
    let (_, name) = keeping.next()?;
    let name = Ident::new(name, Span::call_site());
    Some(if name == "Missing" { parse_quote!(#krate::__private::#name) } else { parse_quote!(#krate::nn::#name) })
}

/// The parameters and their defaults.
pub(crate) struct Defaults {
    /// Whether every parameter has one.
    pub(crate) complete: bool,
    all: Vec<Default>,
}

impl Defaults {
    /// The type with every parameter replaced by its default.
    pub(crate) fn put_into(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        Substitution(self).visit_type_mut(&mut ty);
        ty
    }

    /// The defaults, in the order of the parameters.
    pub(crate) fn into_all(self) -> Vec<Default> {
        self.all
    }

    fn of(&self, name: &Ident) -> Option<&Default> {
        self.all.iter().find(|default| default.param() == name)
    }

    fn type_of(&self, name: &Ident) -> Option<&Type> {
        match self.of(name)? {
            Default::Type(default) => Some(&default.concrete),
            Default::Const(..) => None,
        }
    }

    fn const_of(&self, name: &Ident) -> Option<&GenericArgument> {
        match self.of(name)? {
            Default::Const(_, value) => Some(value),
            Default::Type(_) => None,
        }
    }
}

/// A type computes with no parameter, as in `{ C * 2 }`, which stable Rust refuses. Where one does, its default is put in.
#[derive(std::default::Default)]
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
        if computes && self.defaults.all.iter().any(|default| mentioned.0.contains(&default.param().to_string())) {
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
            && let Some(default) = self.0.type_of(&first.ident)
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
            && let Some(default) = self.0.const_of(name)
        {
            *argument = default.clone();
            return;
        }
        visit_mut::visit_generic_argument_mut(self, argument);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = &*expr
            && let Some(name) = path.path.get_ident()
            && let Some(GenericArgument::Const(default)) = self.0.const_of(name)
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
