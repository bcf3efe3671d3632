//! Raw parts become a model that has no mistakes which tokens can show.
//!
//! One rule is one `check_*` function, whose comment states it. What breaks a rule is reported and then left out or
//! mended, so that the rest of the model is checked and generated all the same: names resolve, nothing cascades.

mod fields;
mod generics;
mod input;
mod links;
mod order;
mod sources;
mod times;

use crate::{
    errors::Errors,
    model::{Area, Component, Direction, Front, Link, Model, Operation, Readout, Source, Time},
    operations::OperationKind,
    parse::{self, Override},
};
use fields::Areas;
use generics::{ConstArguments, Defaults, Owned};
use order::Placed;
use proc_macro_crate::FoundCrate;
use proc_macro2::{Literal, Span};
use std::{cell::RefCell, collections::HashSet};
use syn::{
    Fields, Generics, Ident, ItemStruct, Path, Type, ext::IdentExt, parse_quote, spanned::Spanned, visit::Visit,
};

/// The valid model, or nothing where too little of it is known.
pub(crate) fn validate(source: parse::Source, errors: &mut Errors) -> Option<Model> {
    let parse::Source { mut item, args, fields } = source;
    let krate: Path = args.krate.clone().unwrap_or_else(library);
    let declared = item.generics.lifetimes().map(|param| param.lifetime.clone()).collect();
    let owned = RefCell::new(Owned::new(declared));
    let defaults = generics::check_generics(&mut item.generics, &krate, errors);
    let (input, beside) = input::check_inputs(&args, errors);
    let (areas, mut readouts) = fields::check_roles(&item, fields, errors);
    if areas.is_empty() {
        return None;
    }
    let clashing = fields::check_names(&item.ident, &areas, &readouts, &args, errors);
    times::check_times(&args, &areas, &readouts, errors);
    let orders = order::check_orders(&args, &areas, errors);
    let mut links = links::check_links(&areas, &readouts, errors);
    let mut sources = sources::check_sources(&args, &areas, &readouts, &links, errors);
    let unknown: Vec<bool> = (0..areas.len()).map(|at| sources.unknown_of_area(at)).collect();
    let unread: Vec<bool> = (0..readouts.len().max(1)).map(|at| sources.unknown_of_readout(at)).collect();
    if readouts.is_empty() {
        readouts.push(fields::Readout::missing(&krate));
        links.readouts.push(Vec::new());
        sources.readouts.push(Vec::new());
    }
    let names: Vec<Ident> = areas.iter().map(|area| area.name.clone()).collect();
    let mut build = Builder {
        krate: &krate,
        args: &args,
        defaults: &defaults,
        names,
        links: 0,
        arguments: RefCell::default(),
        owned,
        errors: RefCell::new(errors),
    };
    let generics = item.generics.clone();
    let item = keep_parameters(without_computing(item, &defaults), &krate);
    let ordered = areas.iter().zip(orders).zip(links.areas).zip(sources.areas);
    let mut model = Model {
        retina: build.front("retina", &args.retina),
        adaption: build.front("adaption", &args.adaption),
        dynamics: args.dynamics.iter().map(time).collect(),
        areas: ordered.map(|(((area, order), links), sources)| build.area(area, sources, order, links)).collect(),
        readouts: (readouts.into_iter().zip(links.readouts).zip(sources.readouts))
            .map(|((readout, links), sources)| build.readout(readout, sources, links))
            .collect(),
        krate: krate.clone(),
        krate_is_written: args.krate.is_some(),
        defaults: Vec::new(),
        idle: Vec::new(),
        item,
        input,
        beside,
    };
    // of two areas of one name it is not known which is meant
    let twins = has_twins(&model.item);
    model.areas.iter_mut().zip(unknown).for_each(|(area, unknown)| area.gets_unknown = unknown || twins);
    model.readouts.iter_mut().zip(unread).for_each(|(readout, unknown)| readout.gets_unknown = unknown || twins);
    let Builder { arguments, errors, .. } = build;
    let (arguments, errors) = (arguments.into_inner(), errors.into_inner());
    arguments.check(&generics, errors);
    model.idle = check_used(&model, &generics, &defaults, errors);
    model.defaults = defaults.into_all();
    clashing.iter().for_each(|name| model.rename(name));
    Some(model)
}

/// Whether two fields have one name, which the compiler tells.
fn has_twins(item: &ItemStruct) -> bool {
    let mut seen = HashSet::new();
    !item.fields.iter().filter_map(|field| field.ident.as_ref()).all(|name| seen.insert(name.unraw().to_string()))
}

/// The path of the library by the name that the user's `Cargo.toml` gives it.
pub(crate) fn library() -> Path {
    match proc_macro_crate::crate_name("dynvision") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            parse_quote!(::#name)
        }
        Ok(FoundCrate::Itself) | Err(_) => parse_quote!(::dynvision),
    }
}

/// The struct, whose fields' types are mended as those of the parts are.
fn without_computing(mut item: ItemStruct, defaults: &Defaults) -> ItemStruct {
    let mut reported = ConstArguments::default(); // where the parts are built
    item.fields.iter_mut().for_each(|field| field.ty = reported.mended(&field.ty, defaults));
    item
}

/// A type parameter that only keys mention is one that no field mentions, which rustc refuses: the struct gets a field for it.
fn keep_parameters(mut item: ItemStruct, krate: &Path) -> ItemStruct {
    let mut mentioned = Mentioned::default();
    item.fields.iter().for_each(|field| mentioned.visit_type(&field.ty));
    let unused: Vec<Ident> = (item.generics.type_params().map(|param| param.ident.clone()))
        .filter(|name| !mentioned.0.contains(&name.to_string()))
        .collect();
    if let Fields::Named(fields) = &mut item.fields
        && !unused.is_empty()
    {
        fields.named.push(parse_quote!(#[doc(hidden)] __parameters: #krate::__private::PhantomData<(#(#unused,)*)>));
    }
    item
}

/// Every type parameter is one of something. Gives those that are of nothing.
fn check_used(model: &Model, generics: &Generics, defaults: &Defaults, errors: &mut Errors) -> Vec<Ident> {
    let mut mentioned = Mentioned::default();
    crate::generate::components(model).iter().for_each(|part| mentioned.visit_type(&part.ty));
    let idle = generics.type_params().map(|param| &param.ident).filter(|name| !mentioned.0.contains(&name.to_string()));
    let idle: Vec<Ident> = idle.cloned().collect();
    // a parameter without a default is told already
    for name in idle.iter().filter(|_| defaults.complete) {
        errors.at(name.span(), format!("`{name}` is never used: no field and no key mentions it; remove it"));
    }
    idle
}

/// The names that a type mentions.
#[derive(Default)]
struct Mentioned(HashSet<String>);

impl Visit<'_> for Mentioned {
    fn visit_ident(&mut self, ident: &Ident) {
        self.0.insert(ident.to_string());
    }
}

/// Puts the parts together.
struct Builder<'a> {
    krate: &'a Path,
    args: &'a parse::Args,
    defaults: &'a Defaults,
    /// Of the areas.
    names: Vec<Ident>,
    /// How many links there are so far.
    links: usize,
    /// What the types of the parts compute with.
    arguments: RefCell<ConstArguments>,
    /// What they leave open.
    owned: RefCell<Owned>,
    errors: RefCell<&'a mut Errors>,
}

impl Builder<'_> {
    fn component(&self, ty: &Type) -> Component {
        let Some(ty) = self.owned.borrow_mut().checked(ty, *self.errors.borrow_mut()) else {
            let krate = self.krate;
            let missing: Type = parse_quote!(#krate::__private::Missing);
            return Component { concrete: missing.clone(), ty: missing, chosen: false, presumed: true };
        };
        let ty = self.arguments.borrow_mut().mended(&ty, self.defaults);
        Component { concrete: self.defaults.put_into(&ty), ty, chosen: false, presumed: !self.defaults.complete }
    }

    fn front(&self, name: &str, ty: &Option<Type>) -> Option<Front> {
        let component = self.component(ty.as_ref()?);
        Some(Front { name: Ident::new(name, Span::call_site()), component })
    }

    fn area(
        &mut self,
        area: &fields::AreaField,
        sources: Vec<sources::Source>,
        order: Vec<Placed>,
        mut links: links::OfArea,
    ) -> Area {
        let sources = self.sources(sources);
        let operations = order.into_iter().filter_map(|placed| self.operation(area, placed, &mut links)).collect();
        Area {
            name: area.name.clone(),
            sources,
            gets_unknown: false,
            layer: self.component(&area.ty),
            operations,
            times: area.keys.times.iter().map(time).collect(),
        }
    }

    fn readout(
        &mut self,
        readout: fields::Readout,
        sources: Vec<sources::Source>,
        links: Vec<parse::LinkKeys>,
    ) -> Readout {
        Readout {
            component: Component { presumed: readout.presumed, ..self.component(&readout.ty) },
            sources: self.sources(sources),
            gets_unknown: false,
            skips: self.links(links, Direction::Skip),
            name: readout.name,
        }
    }

    fn sources(&mut self, sources: Vec<sources::Source>) -> Vec<Source> {
        let mut source = |source| match source {
            sources::Source::Frame => Source::Frame,
            sources::Source::Beside(input) => Source::Beside(input),
            sources::Source::Area(area) => Source::Area(area),
            sources::Source::Past(from, name) => Source::Past(Box::new(self.bare(from, name))),
        };
        sources.into_iter().map(&mut source).collect()
    }

    /// A feedback without anything on it.
    fn bare(&mut self, from: usize, name: Ident) -> Link {
        let number = self.links;
        self.links += 1;
        let mut from_name = self.names[from].clone();
        from_name.set_span(name.span());
        Link {
            number,
            direction: Direction::Feedback,
            from,
            from_name,
            delay: None,
            kernel: None,
            stride: None,
            integration: None,
            options: None,
            via: None,
            force_conv: false,
        }
    }

    /// The operation at one place of the order, if this area has what it takes.
    fn operation(&mut self, area: &fields::AreaField, placed: Placed, links: &mut links::OfArea) -> Option<Operation> {
        let keys = &area.keys;
        let connected = match placed.kind {
            OperationKind::Skip => Some((Direction::Skip, std::mem::take(&mut links.skips))),
            OperationKind::Feedback => Some((Direction::Feedback, std::mem::take(&mut links.feedbacks))),
            _ => None,
        };
        if let Some((direction, links)) = connected {
            let links = self.links(links, direction);
            return (!links.is_empty()).then_some(Operation::Links(direction, links));
        }
        let own = |given: &Option<(Ident, Type)>| given.as_ref().map(|(_, ty)| self.component(ty));
        let apply = |component: Component| Operation::Apply(placed.name.clone(), component);
        match placed.kind {
            OperationKind::Layer => Some(Operation::Layer),
            OperationKind::Record => Some(Operation::Record),
            OperationKind::Delay => Some(Operation::Delay),
            OperationKind::Skip | OperationKind::Feedback => None, // above
            OperationKind::Tstep => self.replaceable(&keys.solver, &self.args.solver, "Euler").map(Operation::Tstep),
            OperationKind::Nonlin => self.replaceable(&keys.nonlin, &self.args.nonlin, "Relu").map(Operation::Nonlin),
            OperationKind::Pool => own(&keys.pool).map(Operation::Pool),
            OperationKind::Applied(key) => {
                keys.applied.iter().find(|(given, ..)| *given == key).map(|(.., ty)| apply(self.component(ty)))
            }
            OperationKind::Addext => keys.addext.as_ref().map(|(_, ty)| match ty {
                Some(ty) => apply(self.component(ty)),
                None => apply(self.chosen("ExternalInput")),
            }),
            OperationKind::Own => {
                let own = keys.own.iter().find(|own| own.name == placed.name)?;
                Some(Operation::Apply(own.name.clone(), self.component(&own.ty)))
            }
        }
    }

    fn links(&mut self, links: Vec<parse::LinkKeys>, direction: Direction) -> Vec<Link> {
        links.into_iter().filter_map(|link| self.link(link, direction)).collect()
    }

    /// The connection, whose source is one of the areas.
    fn link(&mut self, link: parse::LinkKeys, direction: Direction) -> Option<Link> {
        let from = self.names.iter().position(|name| *name == link.from)?;
        let number = self.links;
        self.links += 1;
        Some(Link {
            number,
            direction,
            from,
            delay: link.delay.as_ref().map(time),
            integration: link.integration.as_ref().map(|ty| self.component(ty)),
            options: link.options.as_ref().map(|ty| self.component(ty)),
            via: link.via.as_ref().map(|(_, ty)| self.component(ty)),
            from_name: link.from,
            kernel: link.kernel,
            stride: link.stride,
            force_conv: link.force_conv,
        })
    }

    /// A part of the library.
    fn chosen(&self, name: &str) -> Component {
        let (krate, name) = (self.krate, Ident::new(name, Span::call_site()));
        Component { chosen: true, ..self.component(&parse_quote!(#krate::nn::#name)) }
    }

    /// The area's own choice, else the model's, else the library's.
    fn replaceable(
        &self,
        area: &Option<(Ident, Override)>,
        model: &Option<Override>,
        library: &str,
    ) -> Option<Component> {
        match area.as_ref().map(|(_, choice)| choice).or(model.as_ref()) {
            Some(Override::None) => None,
            Some(Override::Type(ty)) => Some(self.component(ty)),
            None => Some(self.chosen(library)),
        }
    }
}

/// A literal becomes one of the type of a time.
fn time(time: &parse::Time) -> Time {
    let value = match time.literal {
        Some(ms) => {
            let mut literal = Literal::f64_unsuffixed(ms.abs());
            literal.set_span(time.expr.span());
            if ms < 0.0 { parse_quote!(-#literal) } else { parse_quote!(#literal) }
        }
        None => time.expr.clone(),
    };
    Time { name: time.name.clone(), value }
}

/// What the rules about areas need to see.
fn names(areas: &Areas) -> Vec<String> {
    areas.iter().map(|area| area.name.unraw().to_string()).collect()
}
