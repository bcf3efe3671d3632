//! One step in time, and what else the model's trait needs.

use super::{Code, names::Names, parts::FRONT, shapes::Stage};
use crate::model::{Area, Operation};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

impl Code<'_> {
    /// `impl DynModel for NetModel`.
    pub(super) fn dyn_model(&self) -> TokenStream {
        let Names { spec, areas, dtype, device, batch, kind, params, .. } = self.names;
        let declared = self.names.declare(quote!(#dtype: __dv::Element, #device: __dv::VisionDevice<#dtype>));
        let (clause, here) = (&params.clause, self.names.built_here());
        let readout = self.part(&self.model.readout.name, "readout");
        let (look, advance) = (self.look(), self.advance());
        quote! {
            impl #declared __dv::DynModel<#dtype, #device> for #here #clause {
                type Channels = __dv::Const<{ #spec::INPUT.c }>;
                type Height = __dv::Const<{ #spec::INPUT.h }>;
                type Width = __dv::Const<{ #spec::INPUT.w }>;
                type Classes = <#readout as __dv::Readout>::Classes;
                type Areas<#kind: __dv::Kind, #batch: __dv::Dim> = #areas<#kind, #batch, #dtype, #device>;
                const WIRING: __dv::Wiring = #spec::WIRING;

                fn dynamics(&self) -> &__dv::Dynamics {
                    &self.dynamics
                }
                fn dynamics_mut(&mut self) -> &mut __dv::Dynamics {
                    &mut self.dynamics
                }
                #look
                #advance
            }
        }
    }

    /// `fresh`, `map` and `each`.
    fn look(&self) -> TokenStream {
        let Names { areas, dtype, device, batch, kind, .. } = self.names;
        let (f, g) = (self.names.free("F"), self.names.free("G"));
        let kept = self.kept();
        let names: Vec<_> = kept.iter().map(|(name, _)| name).collect();
        let texts: Vec<_> = names.iter().map(|name| name.unraw().to_string()).collect();
        let shapes: Vec<_> = kept.iter().map(|(_, map)| &map.shape).collect();
        quote! {
            fn fresh<#kind: __dv::Fresh, #batch: __dv::Dim>() -> #areas<#kind, #batch, #dtype, #device> {
                #areas { #(#names: #kind::fresh(),)* }
            }
            fn map<#f: __dv::Kind, #g: __dv::Kind, #batch: __dv::Dim>(
                areas: #areas<#f, #batch, #dtype, #device>,
                f: &mut impl __dv::ForArea<#f, #g, #dtype, #device>,
            ) -> __dv::Result<#areas<#g, #batch, #dtype, #device>> {
                __dv::Ok(#areas { #(#names: f.area(#texts, areas.#names)?,)* })
            }
            fn each<#f: __dv::Kind, #batch: __dv::Dim>(
                areas: &#areas<#f, #batch, #dtype, #device>,
                f: &mut impl __dv::EachArea<#f, #dtype, #device>,
            ) -> __dv::Result<()> {
                #(f.area::<#shapes<#batch>>(#texts, &areas.#names)?;)*
                __dv::Ok(())
            }
        }
    }

    /// The step: every area's operations in their order, then the readout.
    fn advance(&self) -> TokenStream {
        let Names { areas, state, dtype, device, batch, kind, tape, .. } = self.names;
        let steps = (0..self.model.areas.len()).map(|at| self.area_step(at));
        let (front, readout) = (self.front_step(), self.readout_step());
        quote! {
            fn advance<#kind: __dv::Record, #batch: __dv::Dim, #tape: __dv::Tape<#dtype, #device>>(
                &self,
                frame: __dv::Frame<Self, #batch, #dtype, #device>,
                state: &mut #state<#batch, #dtype, #device>,
                record: &mut #areas<#kind, #batch, #dtype, #device>,
                cx: &mut __dv::Cx<#tape>,
            ) -> __dv::Result<__dv::Logits<Self, #batch, #dtype, #device>> {
                let (batch, ..) = *__dv::HasShape::shape(&frame);
                let x = __dv::Some(frame);
                #front
                #(#steps)*
                #readout
            }
        }
    }

    /// What a frame goes through before the first area: adaption, then the retina.
    fn front_step(&self) -> TokenStream {
        let Names { dtype, device, batch, tape, kind, .. } = self.names;
        let adaption = self.model.adaption.as_ref().map(|front| {
            let (part, field) = (self.part(&front.name, FRONT), &front.name);
            quote! {
                let x = __dv::adapt::<#part, _, _, _, _, #dtype, #device, #tape>(
                    &self.#field, x, &mut state.input, cx,
                )?;
                #kind::record(&mut record.input, x.as_ref())?;
            }
        });
        let retina = self.model.retina.as_ref().zip(self.shapes.retina.as_ref()).map(|(front, map)| {
            let (part, field, shape) = (self.part(&front.name, FRONT), &front.name, &map.shape);
            quote! {
                let x: __dv::Signal<#shape<#batch>, #dtype, #device> =
                    __dv::see::<#part, _, _, _, _, _, _, _, #dtype, #device, #tape>(&self.#field, x, cx)?;
            }
        });
        quote!(#adaption #retina)
    }

    fn area_step(&self, at: usize) -> TokenStream {
        let (area, shapes) = (&self.model.areas[at], &self.shapes.areas[at]);
        let mut operations = area.operations.iter().zip(&shapes.stages).peekable();
        let mut steps = TokenStream::new();
        while let Some((operation, stage)) = operations.next() {
            let fused = matches!(operation, Operation::Tstep(_))
                .then(|| operations.next_if(|(next, _)| matches!(next, Operation::Nonlin(_))))
                .flatten();
            steps.extend(match fused {
                Some(_) => self.tstep_nonlin(area),
                None => self.operation(at, operation, stage),
            });
        }
        quote! {
            cx.enter(#at);
            #steps
        }
    }

    fn operation(&self, at: usize, operation: &Operation, stage: &Stage) -> TokenStream {
        let Names { dtype, device, batch, tape, kind, .. } = self.names;
        let area = &self.model.areas[at];
        let (owner, name, after) = (&area.name, operation.name(), &stage.after.shape);
        let (part, field) = (self.part(owner, &name), self.names.field(area, &name));
        let signal = quote!(__dv::Signal<#after<#batch>, #dtype, #device>);
        match operation {
            Operation::Layer => {
                let own = self.own_past(at, stage);
                quote!(let x: #signal = <#part as __dv::Layer>::step(&self.#owner, __dv::fit(x, cx)?, #own, cx)?;)
            }
            Operation::Skip(links) | Operation::Feedback(links) => {
                links.iter().map(|link| self.join(owner, link, &signal)).collect()
            }
            Operation::Tstep(_) => quote! {
                let x = __dv::tstep::<#part, _, _, _, _, #dtype, #device, #tape>(&self.#field, x, &state.#owner, cx)?;
            },
            Operation::Record => quote!(#kind::record(&mut record.#owner, x.as_ref())?;),
            Operation::Delay => quote!(let x = state.#owner.delay(x, cx.area());),
            Operation::Pool(_) => quote! {
                let x: #signal = __dv::pool::<#part, _, _, _, _, _, _, #dtype, #device, #tape>(x, cx)?;
            },
            Operation::Nonlin(_)
            | Operation::Supralin(_)
            | Operation::Norm(_)
            | Operation::Addext(_)
            | Operation::Own(..) => quote! {
                let x = __dv::apply::<#part, _, _, _, _, #dtype, #device, #tape>(&self.#field, x, batch, cx)?;
            },
        }
    }

    /// The past that the layer sees: the area's, unless a pooling before `delay` has made it a map of another shape.
    fn own_past(&self, at: usize, stage: &Stage) -> TokenStream {
        let (owner, shapes) = (&self.model.areas[at].name, &self.shapes.areas[at]);
        if stage.after.constant == shapes.answers.constant {
            quote!(&state.#owner)
        } else {
            quote!(__dv::own_past(&state.#owner, &__dv::Default::default()))
        }
    }

    fn join(&self, into: &syn::Ident, link: &crate::model::Link, signal: &TokenStream) -> TokenStream {
        let (field, from) = (self.names.link(into, link), &link.from);
        let number = self.links().iter().position(|(_, other)| std::ptr::eq(*other, link)).unwrap_or_default();
        quote!(let x: #signal = self.#field.join(x, &state.#from, #number, cx)?;)
    }

    /// The solver's step and the nonlinearity after it, in one pass.
    fn tstep_nonlin(&self, area: &Area) -> TokenStream {
        let Names { dtype, device, tape, .. } = self.names;
        let owner = &area.name;
        let (solver, nonlin) = (self.part(owner, "tstep"), self.part(owner, "nonlin"));
        let (tstep, after) = (self.names.field(area, "tstep"), self.names.field(area, "nonlin"));
        quote! {
            let x = __dv::tstep_nonlin::<#solver, #nonlin, _, _, _, _, #dtype, #device, #tape>(
                &self.#tstep, &self.#after, x, &state.#owner, cx,
            )?;
        }
    }

    fn readout_step(&self) -> TokenStream {
        let Names { dtype, device, batch, .. } = self.names;
        let (readout, shape) = (&self.model.readout, &self.shapes.last().shape);
        let signal = quote!(__dv::Signal<#shape<#batch>, #dtype, #device>);
        let links = readout.skips.iter().map(|link| self.join(&readout.name, link, &signal));
        let (part, name) = (self.part(&readout.name, "readout"), &readout.name);
        quote! {
            #(#links)*
            <#part as __dv::Readout>::read(&self.#name, x, batch, cx)
        }
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
