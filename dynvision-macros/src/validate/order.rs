//! The order of operations.

use super::fields::{AreaField, Areas};
use crate::{
    errors::Errors,
    operations::{Needs, OperationKind, built_in, is_operation},
    parse::{Args, Order, Override},
    suggest::{closest, did_you_mean},
};
use proc_macro2::Span;
use syn::Ident;

/// An operation in its place.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) kind: OperationKind,
    pub(crate) name: Ident,
}

/// The order of each area: its own, else the model's.
pub(crate) fn check_orders(args: &Args, areas: &Areas, errors: &mut Errors) -> Vec<Vec<Placed>> {
    check_own_names(areas, errors);
    let every_own: Vec<String> = areas.iter().flat_map(own_names).collect();
    let shared = args.operations.as_ref().map(|order| check_order(order, &every_own, errors));
    if shared.is_none() && !args.unread.contains(&"operations") {
        check_given(areas, errors);
    }
    if let Some(shared) = &shared {
        check_used(shared, args, areas, errors);
    }
    let order_of = |area: &AreaField| match &area.keys.operations {
        Some(order) => {
            let order = check_order(order, &own_names(area), errors);
            check_area_has(&order, args, area, errors);
            order
        }
        None => shared.clone().unwrap_or_default(),
    };
    let orders: Vec<Vec<Placed>> = areas.iter().map(order_of).collect();
    for (area, order) in areas.iter().zip(&orders) {
        if !order.is_empty() {
            check_runs(area, order, errors);
        }
    }
    orders.into_iter().map(completed).collect()
}

fn own_names(area: &AreaField) -> Vec<String> {
    area.keys.own.iter().map(|own| own.name.to_string()).collect()
}

/// What every area does whatever its order says: so that a bad order leaves a model that can be generated.
fn completed(mut order: Vec<Placed>) -> Vec<Placed> {
    let has = |order: &[Placed], kind| order.iter().any(|placed| placed.kind == kind);
    let placed = |name: &str, kind| Placed { kind, name: Ident::new(name, Span::call_site()) };
    if !has(&order, OperationKind::Layer) {
        order.insert(0, placed("layer", OperationKind::Layer));
    }
    if !has(&order, OperationKind::Record) {
        let at = order.iter().position(|p| p.kind == OperationKind::Delay).unwrap_or(order.len());
        order.insert(at, placed("record", OperationKind::Record));
    }
    if !has(&order, OperationKind::Delay) {
        let at = order.iter().position(|p| p.kind == OperationKind::Record).map_or(order.len(), |at| at + 1);
        order.insert(at, placed("delay", OperationKind::Delay));
    }
    order
}

/// The operations in an order that keeps all rules.
fn usual(mut order: Vec<Placed>) -> Vec<Placed> {
    const LAST: [OperationKind; 3] = [OperationKind::Record, OperationKind::Delay, OperationKind::Pool];
    order.sort_by_key(|placed| match placed.kind {
        OperationKind::Layer => 0,
        kind => 1 + LAST.iter().position(|last| *last == kind).map_or(0, |at| at + 1),
    });
    order
}

/// Every rule about one list of operations; gives it with what is wrong left out.
fn check_order(order: &Order, own: &[String], errors: &mut Errors) -> Vec<Placed> {
    if order.names.is_empty() {
        let message = "`operations` names what an area runs in a step, as in `operations = [layer, tstep, nonlin, record, delay]`";
        errors.at(order.span, message);
        return Vec::new();
    }
    let named: Vec<Placed> = order.names.iter().filter_map(|name| check_known(name, own, errors)).collect();
    let once = check_repeats(named, errors);
    check_complete(&once, order.span, errors);
    let before = errors.len();
    check_places(&once, errors);
    if errors.len() == before { once } else { usual(once) }
}

/// The model has an order, unless every area has its own.
fn check_given(areas: &Areas, errors: &mut Errors) {
    if areas.is_empty() || areas.iter().any(|area| !area.keys.given.contains(&"operations")) {
        errors.at(
            Span::call_site(),
            "`#[dyn_model]` needs the order of operations, as in `operations = [layer, tstep, nonlin, record, delay, pool]`",
        );
    }
}

/// An operation is built in, or an area's own. A misspelt one is taken for what it was meant to be.
fn check_known(name: &Ident, own: &[String], errors: &mut Errors) -> Option<Placed> {
    let text = name.to_string();
    let kind_of = |text: &str| {
        let built_in = built_in().find(|(known, _)| *known == text).map(|(_, kind)| kind);
        built_in.or_else(|| own.iter().any(|known| known == text).then_some(OperationKind::Own))
    };
    if let Some(kind) = kind_of(&text) {
        return Some(Placed { kind, name: name.clone() });
    }
    let known = || built_in().map(|(name, _)| name).chain(own.iter().map(String::as_str));
    let hint = did_you_mean(&text, known());
    let list = known().collect::<Vec<_>>().join(", ");
    let more = if hint.is_empty() {
        format!("; an operation of your own is given to an area by `apply({text} = ..)`")
    } else {
        hint
    };
    errors.at(name.span(), format!("unknown operation `{text}`{more}\nthe operations are: {list}"));
    let meant = closest(&text, known())?;
    Some(Placed { kind: kind_of(meant)?, name: Ident::new(meant, name.span()) })
}

/// An operation that has weights or touches the state runs once in a step; a nonlinearity or an own operation may return.
fn check_repeats(order: Vec<Placed>, errors: &mut Errors) -> Vec<Placed> {
    let mut seen: Vec<Placed> = Vec::new();
    for placed in order {
        let again = seen.iter().any(|other| other.name == placed.name);
        let may_return = match placed.kind {
            OperationKind::Nonlin | OperationKind::Own => true,
            OperationKind::Applied(key) => key.again,
            _ => false,
        };
        if again && !may_return {
            let name = &placed.name;
            errors.at(name.span(), format!("`{name}` is in the operations already; it runs once in a step"));
        } else {
            seen.push(placed);
        }
    }
    seen
}

/// Every order has `layer`, `record` and `delay`: without them an area answers nothing, or forgets it.
fn check_complete(order: &[Placed], span: Span, errors: &mut Errors) {
    let needed = [
        (OperationKind::Layer, "layer", "no area would run its layer"),
        (OperationKind::Record, "record", "no response would be recorded"),
        (OperationKind::Delay, "delay", "no area would keep its state"),
    ];
    for (kind, name, why) in needed {
        if !order.iter().any(|placed| placed.kind == kind) {
            errors.at(span, format!("the operations lack `{name}`: {why}"));
        }
    }
}

/// The state has one shape: `layer` comes before what uses the state, `tstep` before `delay`, and `pool` not between them.
fn check_places(order: &[Placed], errors: &mut Errors) {
    let at = |kind| order.iter().position(|placed| placed.kind == kind);
    let mut before = |first: OperationKind, then: OperationKind, message: &str| {
        if let (Some(first), Some(then)) = (at(first), at(then))
            && first > then
        {
            errors.at(order[then].name.span(), message);
            return false;
        }
        true
    };
    let layer_first = before(
        OperationKind::Layer,
        OperationKind::Tstep,
        "`tstep` must come after `layer`: it steps towards what the layer gives",
    ) & before(
        OperationKind::Layer,
        OperationKind::Record,
        "`record` must come after `layer`: it records what the layer gives",
    ) & before(
        OperationKind::Layer,
        OperationKind::Delay,
        "`delay` must come after `layer`: it stores what the layer gives",
    );
    before(
        OperationKind::Tstep,
        OperationKind::Delay,
        "`delay` must come after `tstep`: it stores the state that `tstep` computes",
    );
    let Some(pool) = at(OperationKind::Pool).filter(|_| layer_first) else { return };
    for (first, then) in [
        (OperationKind::Tstep, OperationKind::Delay),
        (OperationKind::Record, OperationKind::Delay),
        (OperationKind::Delay, OperationKind::Record),
    ] {
        if let (Some(first), Some(then)) = (at(first), at(then))
            && first < pool
            && pool < then
        {
            let (first, then) = (&order[first].name, &order[then].name);
            let message = format!(
                "`pool` cannot stand between `{first}` and `{then}`: both see the area's state, which has one shape; move it after `{then}`"
            );
            errors.at(order[pool].name.span(), message);
            return;
        }
    }
}

/// Whether an area has what an operation needs, be it well written or not.
fn has(area: &AreaField, args: &Args, placed: &Placed) -> bool {
    let off = |own: &Option<(Ident, Override)>, model: &Option<Override>| {
        matches!(own.as_ref().map(|(_, own)| own).or(model.as_ref()), Some(Override::None))
    };
    match placed.kind.needs() {
        Needs::Nothing => true,
        Needs::Given(key, _) => area.keys.given.contains(&key),
        Needs::Choice if placed.kind == OperationKind::Tstep => !off(&area.keys.solver, &args.solver),
        Needs::Choice => !off(&area.keys.nonlin, &args.nonlin),
        Needs::Own => area.keys.own.iter().any(|own| own.name == placed.name),
    }
}

/// An operation of the model's order is run by at least one area that follows it.
fn check_used(order: &[Placed], args: &Args, areas: &Areas, errors: &mut Errors) {
    let followers: Vec<&AreaField> = areas.iter().filter(|area| area.keys.operations.is_none()).collect();
    if followers.is_empty() {
        return;
    }
    for placed in order.iter().filter(|placed| !followers.iter().any(|area| has(area, args, placed))) {
        let name = &placed.name;
        if args.misplaced.iter().any(|operation| name == operation) {
            continue;
        }
        let message = match placed.kind.needs() {
            Needs::Given(_, example) => {
                format!("`{name}` is in the operations, but no area has one; remove it, or give an area `{example}`")
            }
            Needs::Choice => format!("`{name}` is in the operations, but every area switches it off; remove it"),
            Needs::Own | Needs::Nothing => format!(
                "`{name}` is in the operations, but every area that has it follows an order of its own; remove it"
            ),
        };
        errors.at(name.span(), message);
    }
}

/// An operation of an area's own order is one that the area has.
fn check_area_has(order: &[Placed], args: &Args, area: &AreaField, errors: &mut Errors) {
    for placed in order.iter().filter(|placed| !has(area, args, placed)) {
        let (name, owner) = (&placed.name, &area.name);
        let message = match placed.kind.needs() {
            Needs::Given(_, example) => {
                format!("`{name}` is in the operations of `{owner}`, which has none; remove it, or add `{example}`")
            }
            _ => format!("`{name}` is in the operations of `{owner}`, which switches it off; remove one of the two"),
        };
        errors.at(name.span(), message);
    }
}

/// What an area has is run by its order: nothing that is given is silently skipped.
fn check_runs(area: &AreaField, order: &[Placed], errors: &mut Errors) {
    let keys = &area.keys;
    let runs = |kind| order.iter().any(|placed| placed.kind == kind);
    let chosen = |choice: &Option<(Ident, Override)>| match choice {
        Some((key, Override::Type(_))) => Some(key.clone()),
        _ => None,
    };
    let key = |given: &Option<(Ident, syn::Type)>| given.as_ref().map(|(key, _)| key.clone());
    let given = [
        (OperationKind::Skip, "skip", keys.skips.first().map(|link| link.key.clone())),
        (OperationKind::Feedback, "feedback", keys.feedbacks.first().map(|link| link.key.clone())),
        (OperationKind::Pool, "pool", key(&keys.pool)),
        (OperationKind::Addext, "addext", keys.addext.as_ref().map(|(key, _)| key.clone())),
        (OperationKind::Tstep, "tstep", chosen(&keys.solver)),
        (OperationKind::Nonlin, "nonlin", chosen(&keys.nonlin)),
    ];
    for (kind, name, key) in given {
        if let Some(key) = key.filter(|_| !runs(kind)) {
            errors.at(key.span(), never_runs(&key, area, name));
        }
    }
    for (key, name, _) in keys.applied.iter().filter(|(key, ..)| !runs(OperationKind::Applied(key))) {
        errors.at(name.span(), never_runs(name, area, key.name));
    }
    for own in &keys.own {
        // one of a built-in name is told already
        if !is_operation(&own.name)
            && !order.iter().any(|placed| placed.kind == OperationKind::Own && placed.name == own.name)
        {
            errors.at(own.name.span(), never_runs(&own.name, area, &own.name.to_string()));
        }
    }
}

fn never_runs(key: &Ident, area: &AreaField, operation: &str) -> String {
    let owner = &area.name;
    format!(
        "`{owner}` has a `{key}`, but `{operation}` is not among its operations, so it would never run; add `{operation}` to `operations`"
    )
}

/// An own operation has a name of its own: not that of a built-in one, nor twice in an area.
fn check_own_names(areas: &Areas, errors: &mut Errors) {
    for area in areas {
        for (i, own) in area.keys.own.iter().enumerate() {
            let name = &own.name;
            if is_operation(name) {
                errors.at(name.span(), format!("`{name}` is a built-in operation; choose another name for yours"));
            } else if area.keys.own[..i].iter().any(|other| other.name == *name) {
                errors.at(name.span(), format!("`{}` applies `{name}` twice; give the second another name", area.name));
            }
        }
    }
}
