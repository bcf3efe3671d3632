//! Type parameters, and what stands for them where shapes are computed.

use crate::errors::Errors;
use syn::{
    ConstParam, Expr, GenericArgument, GenericParam, Generics, Ident, Path, QSelf, Type, TypeParam, TypePath,
    parse_quote,
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
            GenericParam::Type(TypeParam { ident, default, .. }) => {
                let default = default.as_ref().map(|(_, ty)| Default::Type(defaults.put_into(ty)));
                (ident, "Full", default, Default::Type(parse_quote!(#krate::__private::Missing)))
            }
            GenericParam::Const(ConstParam { ident, default, .. }) => (
                ident,
                "10",
                default.as_ref().map(|(_, expr)| Default::Const(expr.clone())),
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
