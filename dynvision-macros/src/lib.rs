//! The attribute macro `#[dyn_model]`.

mod errors;
mod generate;
mod keys;
mod model;
mod parse;
mod span;
mod suggest;
mod validate;

use errors::Errors;
use parse::Unusable;
use proc_macro2::TokenStream;
use quote::quote;

/// Makes a struct the description of a dynamic vision model.
///
/// Each field is an *area*; the last is the *readout*. The macro checks that they fit, at compile time, and writes the
/// model: its weights, its state, its typed responses, and one step in time.
///
/// ```
/// use dynvision::prelude::*;
///
/// #[dyn_model(
///     input = [3, 16, 16],
///     operations = [layer, skip, feedback, tstep, nonlin, record, delay, pool],
/// )]
/// pub struct TwoAreas<R: Recurrence = Full> {
///     #[area(pool = MaxPool2d<3, 2, 1>, feedback(from = v2))]
///     v1: RConv2d<3, 4, 3, 1, R>,
///     #[area(skip(from = v1))]
///     v2: RConv2d<4, 6, 3, 1, R>,
///     #[readout]
///     classifier: Classifier<6, 5>,
/// }
///
/// assert_eq!(TwoAreas::V1.to_string(), "4x16x16");
/// assert_eq!(TwoAreas::V1_POOL.to_string(), "4x8x8");
/// ```
///
/// # What is written
///
/// For a struct `Net` with an area `v1`, in the struct's visibility:
///
/// | item | what it is |
/// |---|---|
/// | `Net::INPUT`, `Net::V1`, `Net::V1_POOL` | shapes: of a frame, of what the area answers, of what it sends on |
/// | `NetV1<B>` | the tensor shape `(batch, channels, rows, columns)` of what the area answers |
/// | `NetModel<E, D>` | the weights, in dtype `E` on device `D`; `dev.build_module::<Net, E>()` makes one |
/// | `NetState<B, E, D>` | the activity: what a step reads and updates |
/// | `NetResponses<B, E, D>` | what each area answered over time, one field for each |
///
/// `NetModel` implements `DynModel` (step, run, record), and dfdx's `TensorCollection` and `Module`.
///
/// # Keys of the model
///
/// | key | meaning |
/// |---|---|
/// | `input = [3, 32, 32]` | channels, height, width of a frame; each a const expression. Required |
/// | `operations = [layer, tstep, ..]` | the order in which each area runs its operations. Required |
/// | `solver = Euler` | what `tstep` runs, unless an area has its own; `Euler` by default |
/// | `nonlin = Relu` | what `nonlin` runs, unless an area has its own; `Relu` by default |
/// | `dynamics(dt = 2.0, tau = 5.0)` | time constants in ms: `dt`, `tau`, `t_feedforward`, `t_recurrence`, `t_skip`, `t_feedback` |
/// | `retina = Retina<3, 16>` | a layer that a frame goes through before the first area |
/// | `adaption = InputAdaption` | a solver through which frames go first, with the frame as its state; the responses have it as `input` |
/// | `crate = path` | where the library is, if it has another name |
///
/// # Operations
///
/// | operation | what it does | runs for areas with |
/// |---|---|---|
/// | `layer` | the area's layer, with its recurrence. Required | |
/// | `addext` | adds a current from outside | `addext`, or `addext = Type` |
/// | `skip` | adds what earlier areas answer | `skip(from = v1)` |
/// | `feedback` | adds what later areas answered | `feedback(from = it)` |
/// | `tstep` | one step of the solver | all but `solver = none` |
/// | `nonlin` | the nonlinearity | all but `nonlin = none` |
/// | `supralin` | a power law | `supralin = Type` |
/// | `norm` | a normalisation | `norm = Type` |
/// | `record` | lets a recorder see the answer. Required | |
/// | `delay` | stores the answer as the area's state, and sends on what is due. Required | |
/// | `pool` | pooling | `pool = Type` |
/// | any other name | your own operation | `apply(name = Type)` |
///
/// An operation in the order that no area has is an error, and so is a key of an area that no operation runs.
///
/// # Keys of an area
///
/// `#[area(..)]` may be left out where there is no key.
///
/// | key | meaning |
/// |---|---|
/// | `pool = MaxPool2d<3, 2, 1>` | pooling |
/// | `norm = Type`, `supralin = Type` | what those operations run |
/// | `addext` | the area takes currents that a stimulus injects; `addext = Type` for another such operation |
/// | `solver = Type`, `nonlin = Type` | in place of the model's; `none` switches the operation off here |
/// | `skip(from = v1)` | a connection from an earlier area; once for each source |
/// | `feedback(from = it)` | a connection from a later area; once for each source |
/// | `apply(gain = Gain<36>)` | an operation of your own, run where `gain` stands in the order |
/// | `operations = [..]` | an order of its own |
/// | `tau = 8.0`, `t_feedforward = 2.0`, `t_recurrence = 4.0` | time constants of its own, in ms |
///
/// A connection takes `delay = 4.0` (ms, in place of the model's), `kernel = 3`, `stride = 2`, `integration = Type`,
/// `options = NoBias<ConnectionNormal>` (of its convolution) and `force_conv` (a convolution even where the channels agree).
///
/// The readout takes `#[readout(skip(from = v1))]`.
///
/// # Type parameters
///
/// They need defaults, as in `struct Net<R: Recurrence = Full, const N: usize = 10>`: shapes are computed with the
/// defaults put in. A model that is built with other types must have the same shapes; that alone is checked in
/// `cargo build`, not in `cargo check`:
///
/// ```compile_fail
/// use dynvision::{nn::{ConvOptions, Padded, Plain}, prelude::*};
///
/// #[dyn_model(input = [3, 16, 16], operations = [layer, record, delay])]
/// struct Net<C: ConvOptions = Plain> {
///     v1: RConv2d<3, 4, 3, 1, Full, ToOutput, C>,
///     #[readout]
///     head: Classifier<4, 2>,
/// }
///
/// // "a type parameter changes the shape of `v1`": without padding, less is left of a map
/// Cpu::default().build_module::<Net<Padded<0>>, f32>();
/// ```
///
/// # Errors
///
/// Mistakes are compile errors, at the token to change. All mistakes of a model are reported together.
#[proc_macro_attribute]
pub fn dyn_model(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(args.into(), item.into()).into()
}

/// The whole way: parse, validate, generate. What was generated is there even where there are errors.
fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let code = match parse::parse(args, item, &mut errors) {
        Ok(source) => {
            let item = source.item.clone();
            match validate::validate(source, &mut errors) {
                Some(model) => generate::generate(&model),
                None => quote!(#item),
            }
        }
        Err(Unusable(item)) => item,
    };
    let errors = errors.into_compile_errors();
    quote! { #code #errors }
}

#[cfg(test)]
mod tests;
