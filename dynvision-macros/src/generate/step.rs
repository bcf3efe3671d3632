//! One step in time, and what else the model's trait needs.

use super::{
    Code,
    names::Names,
    parts::FRONT,
    shapes::{Map, Stage},
};
use crate::model::{Area, Link, Operation, Source};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, ext::IdentExt};

impl Code<'_> {
    /// `impl GeneratedModel for NetModel`.
    pub(super) fn generated_model(&self) -> TokenStream {
        let Names { spec, areas, dtype, device, batch, kind, params, .. } = self.names;
        let declared = self.names.declare(quote!(#dtype: __dv::Element, #device: __dv::VisionDevice<#dtype>));
        let (clause, here) = (&params.clause, self.names.built_here());
        let readout = self.model.readouts.iter().take(1).map(|readout| self.part(&readout.name, "readout"));
        let listed = self.listed();
        let (look, advance) = (self.look(), self.advance());
        quote! {
            impl #declared __dv::GeneratedModel<#dtype, #device> for #here #clause {
                type Channels = __dv::Const<{ #spec::INPUT.c }>;
                type Height = __dv::Const<{ #spec::INPUT.h }>;
                type Width = __dv::Const<{ #spec::INPUT.w }>;
                type Classes = <#(#readout)* as __dv::Readout>::Classes;
                type Areas<#kind: __dv::PerArea, #batch: __dv::Dim> = #areas<#kind, #batch, #dtype, #device>;
                const WIRING: __dv::Wiring = #spec::WIRING;
                #listed

                fn get_dynamics(&self) -> &__dv::Dynamics {
                    &self.dynamics
                }
                fn get_dynamics_mut(&mut self) -> &mut __dv::Dynamics {
                    &mut self.dynamics
                }
                #look
                #advance
            }
        }
    }

    /// The names of what stands beside the frame, and of the readouts where there are several.
    fn listed(&self) -> TokenStream {
        let spec = &self.names.spec;
        let list = |constant: TokenStream, entries: Vec<(&Ident, &Map)>| {
            let entries = entries.iter().map(|(name, map)| {
                let (name, constant) = (name.unraw().to_string(), &map.constant);
                quote!((#name, #spec::#constant))
            });
            let entries: Vec<TokenStream> = entries.collect();
            (!entries.is_empty())
                .then(|| quote!(const #constant: &'static [(&'static __dv::str, __dv::Map)] = &[#(#entries),*];))
        };
        let beside = self.model.beside.iter().map(|input| &input.name).zip(&self.shapes.beside).collect();
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts);
        let readouts =
            readouts.filter_map(|(readout, shapes)| Some((&readout.name, shapes.answer.as_ref()?))).collect();
        let (beside, readouts) = (list(quote!(BESIDE), beside), list(quote!(READOUTS), readouts));
        quote!(#beside #readouts)
    }

    /// `initial`, `map_areas` and `visit_areas`.
    fn look(&self) -> TokenStream {
        let Names { areas, dtype, device, batch, kind, .. } = self.names;
        let (f, g) = (self.names.free("F"), self.names.free("G"));
        let held = self.held();
        let names: Vec<_> = held.iter().map(|(name, _)| name).collect();
        let texts: Vec<_> = names.iter().map(|name| name.unraw().to_string()).collect();
        let shapes: Vec<_> = held.iter().map(|(_, map)| &map.shape).collect();
        quote! {
            fn initial<#kind: __dv::Initial, #batch: __dv::Dim>() -> #areas<#kind, #batch, #dtype, #device> {
                #areas { #(#names: #kind::initial(),)* }
            }
            fn map_areas<#f: __dv::PerArea, #g: __dv::PerArea, #batch: __dv::Dim>(
                areas: #areas<#f, #batch, #dtype, #device>,
                f: &mut impl __dv::MapAreas<#f, #g, #dtype, #device>,
            ) -> __dv::Result<#areas<#g, #batch, #dtype, #device>> {
                __dv::Ok(#areas { #(#names: f.area(#texts, areas.#names)?,)* })
            }
            fn visit_areas<#f: __dv::PerArea, #batch: __dv::Dim>(
                areas: &#areas<#f, #batch, #dtype, #device>,
                f: &mut impl __dv::VisitAreas<#f, #dtype, #device>,
            ) -> __dv::Result<()> {
                #(f.area::<#shapes<#batch>>(#texts, &areas.#names)?;)*
                __dv::Ok(())
            }
        }
    }

    /// The step: every area's operations in their order, then the readout. Between two areas a signal has the type of its
    /// shape; within one its sizes are known at run time.
    fn advance(&self) -> TokenStream {
        let Names { areas, dtype, device, batch, kind, tape, .. } = self.names;
        let steps = (0..self.model.areas.len()).map(|at| self.area_step(at));
        let (front, readout) = (self.front_step(), self.readout_step());
        quote! {
            fn advance<#kind: __dv::Observer, #batch: __dv::Dim, #tape: __dv::Tape<#dtype, #device>>(
                &self,
                frame: __dv::Frame<Self, #batch, #dtype, #device>,
                state: &mut #areas<__dv::State, #batch, #dtype, #device>,
                observed: &mut #areas<#kind, #batch, #dtype, #device>,
                cx: &mut __dv::Context<#dtype, #device, #tape>,
            ) -> __dv::Result<__dv::Logits<Self, #batch, #dtype, #device>> {
                let device = __dv::Clone::clone(frame.device());
                let x = __dv::begin(frame, cx);
                #front
                #(#steps)*
                #readout
            }
        }
    }

    /// A signal under the shape of `map`, made by `steps` of the signal before it.
    fn signal(&self, map: &Map, what: &str, begin: TokenStream, steps: TokenStream) -> TokenStream {
        let Names { dtype, device, batch, .. } = self.names;
        let shape = &map.shape;
        quote! {
            let x: __dv::Signal<#shape<#batch>, #dtype, #device> = {
                #begin
                #steps
                __dv::restore(#what, x)?
            };
        }
    }

    /// An observer sees the signal of what is held under `owner`, of this map.
    fn observe(&self, owner: &Ident, map: &Map) -> TokenStream {
        let Names { dtype, device, batch, kind, .. } = self.names;
        let shape = &map.shape;
        quote!(#kind::observe::<#shape<#batch>, #dtype, #device>(&mut observed.#owner, x.as_ref())?;)
    }

    /// What a frame goes through before the first area: adaption, then the retina.
    fn front_step(&self) -> TokenStream {
        let Names { spec, dtype, device, tape, .. } = self.names;
        let adaption = self.model.adaption.as_ref().map(|front| {
            let (part, field) = (self.part(&front.name, FRONT), &front.name);
            let seen = self.observe(&Ident::new("input", proc_macro2::Span::call_site()), &self.shapes.input);
            let steps = quote! {
                let x = __dv::adapt::<#part, _, #dtype, #device, #tape>(&self.#field, x, &mut state.input, cx)?;
                #seen
            };
            self.signal(&self.shapes.input, "the adapted frame", here(), steps)
        });
        let retina = self.model.retina.as_ref().zip(self.shapes.retina.as_ref()).map(|(front, map)| {
            let (part, field) = (self.part(&front.name, FRONT), &front.name);
            let steps = quote!(let x = __dv::see::<#part, #dtype, #device, #tape>(&self.#field, x, #spec::INPUT, cx)?;);
            self.signal(map, "the signal of the retina", here(), steps)
        });
        let sent = self.model.sources().any(|source| matches!(source, Source::Frame)).then(|| {
            let sent = frame_sent();
            quote!(let #sent = __dv::Clone::clone(&x);)
        });
        quote!(#adaption #retina #sent)
    }

    fn area_step(&self, at: usize) -> TokenStream {
        let kind = &self.names.kind;
        let (area, shapes) = (&self.model.areas[at], &self.shapes.areas[at]);
        let operations: Vec<_> = area.operations.iter().zip(&shapes.stages).collect();
        let owner = &area.name;
        let mut steps = quote!(__dv::enter(#at, &state.#owner, cx););
        let mut rest = &operations[..];
        loop {
            let step;
            (step, rest) = match rest {
                [(Operation::Layer, stage), (Operation::Tstep(_), _), (Operation::Nonlin(_), _), rest @ ..] => {
                    (self.layer_tstep_nonlin(area, stage), rest)
                }
                [(Operation::Tstep(_), _), (Operation::Nonlin(_), _), rest @ ..] => (self.tstep_nonlin(area), rest),
                [(operation, stage), rest @ ..] => (self.operation(at, operation, stage), rest),
                [] => break,
            };
            steps.extend(step);
        }
        steps.extend(quote!(__dv::leave::<#kind, _, _, _, _>(&mut state.#owner, &mut observed.#owner, cx)?;));
        let begin = self.given(&area.sources, shapes.parts());
        let signal = self.signal(&shapes.output, &format!("the output of `{}`", area.name.unraw()), begin, steps);
        let several = self.model.readouts.len() > 1;
        let is_last = at + 1 == self.model.areas.len();
        let by_default = several && is_last && self.model.readouts.iter().any(|readout| readout.sources.is_empty());
        let is_named = self.model.sources().any(|source| matches!(source, Source::Area(from) if *from == at));
        let sent = (is_named || by_default).then(|| {
            let sent = self.sent(at);
            quote!(let #sent = __dv::Clone::clone(&x);)
        });
        quote!(#signal #sent)
    }

    /// What an area or a readout gets of `sources`, whose maps are `parts`.
    fn given(&self, sources: &[Source], parts: &[Map]) -> TokenStream {
        let spec = &self.names.spec;
        match sources {
            [] => here(),
            [source] => {
                let x = self.source(source);
                quote!(let x = #x;)
            }
            several => {
                let several = several.iter().map(|source| self.source(source));
                let maps = parts.iter().map(|map| &map.constant);
                quote!(let x = __dv::gather([#(#several),*], [#(#spec::#maps),*], &device, cx)?;)
            }
        }
    }

    /// The signal of a source.
    fn source(&self, source: &Source) -> TokenStream {
        let sent = match source {
            Source::Beside(input) => {
                let name = self.model.beside[*input].name.unraw().to_string();
                return quote!(__dv::shown(#name, cx)?);
            }
            Source::Past(link) => {
                let (from, number) = (&self.model.areas[link.from].name, link.number);
                return quote!(__dv::earlier(&state.#from, #number, cx));
            }
            Source::Frame => frame_sent(),
            Source::Area(from) => self.sent(*from),
        };
        quote!(__dv::erase(__dv::Clone::clone(&#sent))?)
    }

    /// What area number `at` has sent in this step, where a later one than the next gets it.
    fn sent(&self, at: usize) -> Ident {
        quote::format_ident!("__{}_sent", self.model.areas[at].name.unraw())
    }

    fn operation(&self, at: usize, operation: &Operation, stage: &Stage) -> TokenStream {
        let Names { spec, kind, dtype, device, tape, .. } = self.names;
        let area = &self.model.areas[at];
        let (owner, name, before) = (&area.name, operation.name(), &stage.before.constant);
        let (part, field) = (self.part(owner, &name), self.names.field(area, &name));
        match operation {
            Operation::Layer => quote! {
                let x = __dv::layer::<#part, #dtype, #device, #tape>(
                    &self.#owner, x, #spec::#before, &state.#owner, cx,
                )?;
            },
            Operation::Links(_, links) => links.iter().map(|link| self.join(owner, link, &stage.before)).collect(),
            Operation::Tstep(_) => quote! {
                let x = __dv::tstep::<#part, #dtype, #device, #tape>(&self.#field, x, &state.#owner, cx)?;
            },
            Operation::Record => self.observe(owner, &self.shapes.areas[at].response),
            Operation::Delay => quote!(let x = __dv::delay::<#kind, _, _, _, _>(&mut state.#owner, x, cx)?;),
            Operation::Pool(_) => quote!(let x = __dv::pool::<#part, #dtype, #device, #tape>(x, cx)?;),
            Operation::Nonlin(_) | Operation::Apply(..) => quote! {
                let x = __dv::operation::<#part, #dtype, #device, #tape>(&self.#field, x, #spec::#before, cx)?;
            },
        }
    }

    /// A connection into a signal of this map.
    fn join(&self, into: &Ident, link: &Link, map: &Map) -> TokenStream {
        let (spec, constant) = (&self.names.spec, &map.constant);
        let (field, from, number) = (self.names.link(into, link), &self.model.areas[link.from].name, link.number);
        quote! {
            cx.set_input(#spec::#constant);
            let x = self.#field.join(x, &state.#from, #number, cx)?;
        }
    }

    /// The layer, the solver's step and the nonlinearity after it, in one pass.
    fn layer_tstep_nonlin(&self, area: &Area, stage: &Stage) -> TokenStream {
        let Names { spec, dtype, device, tape, .. } = self.names;
        let (owner, before) = (&area.name, &stage.before.constant);
        let [layer, solver, nonlin] = ["layer", "tstep", "nonlin"].map(|name| self.part(owner, name));
        let [tstep, after] = ["tstep", "nonlin"].map(|name| self.names.field(area, name));
        quote! {
            let x = __dv::layer_tstep_nonlin::<#layer, #solver, #nonlin, #dtype, #device, #tape>(
                (&self.#owner, &self.#tstep, &self.#after), x, #spec::#before, &state.#owner, cx,
            )?;
        }
    }

    /// The solver's step and the nonlinearity after it, in one pass.
    fn tstep_nonlin(&self, area: &Area) -> TokenStream {
        let Names { dtype, device, tape, .. } = self.names;
        let owner = &area.name;
        let (solver, nonlin) = (self.part(owner, "tstep"), self.part(owner, "nonlin"));
        let (tstep, after) = (self.names.field(area, "tstep"), self.names.field(area, "nonlin"));
        quote! {
            let x = __dv::tstep_nonlin::<#solver, #nonlin, #dtype, #device, #tape>(
                &self.#tstep, &self.#after, x, &state.#owner, cx,
            )?;
        }
    }

    fn readout_step(&self) -> TokenStream {
        let Names { dtype, device, batch, kind, tape, .. } = self.names;
        let readouts = self.model.readouts.iter().zip(&self.shapes.readouts).map(|(readout, shapes)| {
            let links = readout.skips.iter().map(|link| self.join(&readout.name, link, &shapes.input));
            let (part, name) = (self.part(&readout.name, "readout"), &readout.name);
            let Some(answer) = &shapes.answer else {
                let begin = self.given(&readout.sources, shapes.parts());
                return quote! {
                    #begin
                    #(#links)*
                    __dv::readout::<#part, #batch, #dtype, #device, #tape>(&self.#name, x, &device, cx)
                };
            };
            let last = self.model.areas.len().checked_sub(1).map(Source::Area);
            let sources = if readout.sources.is_empty() { last.as_slice() } else { &readout.sources[..] };
            let (begin, shape, logits) = (self.given(sources, shapes.parts()), &answer.shape, logits(name));
            quote! {
                let #logits = {
                    #begin
                    #(#links)*
                    let y = __dv::readout::<#part, #batch, #dtype, #device, #tape>(&self.#name, x, &device, cx)?;
                    __dv::answer::<#kind, #shape<#batch>, _, #dtype, #device>(&y, &mut observed.#name)?;
                    y
                };
            }
        });
        let first = match &self.model.readouts[..] {
            [first, _, ..] => {
                let logits = logits(&first.name);
                Some(quote!(__dv::Ok(#logits)))
            }
            _ => None,
        };
        quote!(#(#readouts)* #first)
    }

    /// dfdx's own way to call a model.
    pub(super) fn module(&self) -> TokenStream {
        let Names { dtype, device, batch, tape, params, .. } = self.names;
        let called = self.names.declare(quote! {
            #batch: __dv::Dim,
            #dtype: __dv::Element,
            #device: __dv::VisionDevice<#dtype>,
            #tape: __dv::Tape<#dtype, #device>,
        });
        let declared = self.names.declare(quote!(#dtype: __dv::Dtype, #device: __dv::Device<#dtype>));
        let (clause, here) = (&params.clause, self.names.built_here());
        let stimulus = quote!(__dv::Stimulus<__dv::FrameShape<Self, #batch, #dtype, #device>, #dtype, #device, #tape>);
        quote! {
            impl #called __dv::Module<#stimulus> for #here #clause {
                type Output = __dv::LogitsInTime<Self, #batch, #dtype, #device, #tape>;
                type Error = __dv::Error;

                fn try_forward(&self, stimulus: #stimulus) -> __dv::Result<Self::Output> {
                    __dv::DynModel::try_run(self, stimulus)
                }
            }
            impl #declared __dv::NonMutableModule for #here #clause {}
        }
    }
}

/// What comes before goes on.
fn here() -> TokenStream {
    quote!(let x = __dv::erase(x)?;)
}

/// The frame as the first area gets it, where another one gets it as well.
fn frame_sent() -> Ident {
    quote::format_ident!("__input_sent")
}

/// What one of several readouts answers.
fn logits(readout: &Ident) -> Ident {
    quote::format_ident!("_{}_logits", readout.unraw())
}
