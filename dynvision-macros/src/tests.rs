//! What is said of each mistake that tokens can show. Where it is said is shown by the UI tests of `dynvision`.

use super::*;

/// The messages for a model.
fn messages(args: &str, item: &str) -> Vec<String> {
    let mut errors = Errors::default();
    let (args, item) = (args.parse().expect("tokens"), item.parse().expect("tokens"));
    if let Ok(source) = parse::parse(args, item, &mut errors) {
        validate::validate(source, &mut errors);
    }
    errors.messages()
}

const ORDER: &str = "operations = [layer, tstep, nonlin, record, delay]";

/// The messages for a struct's fields, in a model whose arguments are sound.
fn of_fields(operations: &str, fields: &str) -> Vec<String> {
    messages(&format!("input = [3, 16, 16], operations = [{operations}]"), &format!("struct Net {{ {fields} }}"))
}

/// The messages for a model's arguments, with sound fields.
fn of_args(args: &str) -> Vec<String> {
    messages(args, "struct Net { v1: A, #[area] v2: B, #[readout] head: H }")
}

fn assert_says(found: &[String], wanted: &[&str]) {
    let same = found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| f.starts_with(w));
    assert!(same, "said\n{found:#?}\nwanted\n{wanted:#?}");
}

#[test]
fn a_sound_model_has_no_errors() {
    let args =
        "input = [3, 16, 16], operations = [layer, skip, feedback, gain, tstep, nonlin, record, delay, pool, norm],
        solver = Euler, nonlin = Relu, dynamics(dt = 1, tau = 8., t_feedback = 12), crate = ::dynvision";
    let item = "pub struct Net<R: Recurrence = Full, const N: usize = 10> {
        /// First.
        #[area(pool = MaxPool2d<3, 2, 1>, norm = N<{ 3 + 1 }, 4>, feedback(from = v4), solver = none)]
        v1: RConv2d<3, 4, 3, 1, R>,
        v2: RConv2d<4, 6, 3, 1, R>,
        #[area(skip(from = v1, delay = 2), skip(from = v2, integration = Multiplicative, force_conv), apply(gain = Gain<6>), tau = 3.5)]
        v4: RConv2d<4, 6, 3, 1, R>,
        #[readout(skip(from = v2))]
        classifier: Classifier<6, N>,
    }";
    assert_says(&messages(args, item), &[]);
}

#[test]
fn keys_of_the_model() {
    assert_says(
        &of_args(&format!("imput = [3, 16, 16], {ORDER}")),
        &["unknown key `imput`; did you mean `input`?\nthe keys"],
    );
    assert_says(
        &of_args(&format!("input = [3, 16, 16], {ORDER}, wibble = 3, input = [1, 2, 3]")),
        &["unknown key `wibble`\n", "`input` is given twice in `#[dyn_model]`"],
    );
    assert_says(
        &of_args(&format!("input = 3, {ORDER}, solver(Euler), nonlin = 3")),
        &[
            "`input` takes channels, height and width, as in `input = [3, 32, 32]`",
            "`solver` is written `solver = Euler`",
            "`nonlin` takes a type or `none`, as in `nonlin = Relu`",
        ],
    );
    assert_says(
        &of_args("input = [3, 16, 16] operations = [layer]"),
        &["expected `,` before the next key", "the operations lack `record`", "the operations lack `delay`"],
    );
    assert_says(&of_args(""), &["`#[dyn_model]` needs the frame's", "`#[dyn_model]` needs the order"]);
}

#[test]
fn the_frame() {
    assert_says(
        &of_args(&format!("input = [3, 16], {ORDER}")),
        &["`input` has three entries, channels, height and width, as in `input = [3, 32, 32]`; found 2"],
    );
    assert_says(
        &of_args(&format!("input = [3, 0, -4], {ORDER}")),
        &["a dimension of the frame cannot be 0", "a dimension of the frame is a positive"],
    );
    assert_says(&of_args(&format!("input = [C, SIDE, SIDE + 1], {ORDER}")), &[]);
}

#[test]
fn the_order() {
    let args = |order| of_args(&format!("input = [3, 16, 16], operations = [{order}]"));
    assert_says(
        &args("layer, tstp, nonlin, record, delay"),
        &["unknown operation `tstp`; did you mean `tstep`?\nthe operations are: layer, addext, skip"],
    );
    assert_says(
        &args("layer, tstep, wobble, record, delay"),
        &["unknown operation `wobble`; an operation of your own is given to an area by `apply(wobble = ..)`"],
    );
    assert_says(&args("layer, tstep, layer, nonlin, record, delay, nonlin"), &["`layer` is in the operations already"]);
    assert_says(&args("layer, tstep, nonlin"), &["the operations lack `record`", "the operations lack `delay`"]);
    assert_says(&args("tstep, layer, record, delay"), &["`tstep` must come after `layer`"]);
    assert_says(&args("layer, record, delay, tstep"), &["`delay` must come after `tstep`"]);
    assert_says(
        &args("layer, skip, record, delay, pool, norm, supralin, addext, feedback"),
        &[
            "`skip` is in the operations, but no area has one; remove it, or give an area `skip(from = ..)`",
            "`pool` is in",
            "`norm` is in",
            "`supralin` is in",
            "`addext` is in",
            "`feedback` is in",
        ],
    );
    assert_says(&args("layer, 3, record, delay"), &["an operation is a name, as in `layer`"]);
}

#[test]
fn what_an_area_has_is_run() {
    let fields = "#[area(skip(from = nowhere), pool = P, solver = S, apply(gain = G))] v1: A, #[readout] head: H";
    assert_says(
        &of_fields("layer, record, delay", fields),
        &[
            "`v1` has a `skip`, but `skip` is not among its operations",
            "`v1` has a `pool`, but",
            "`v1` has a `solver`, but `tstep` is not among",
            "`v1` has a `gain`, but `gain` is not among",
            "skip into `v1` from `nowhere`",
        ],
    );
    let fields = "#[area(operations = [layer, record, delay, pool])] v1: A, v2: B, #[readout] head: H";
    assert_says(
        &of_fields("layer, nonlin, record, delay", fields),
        &["`pool` is in the operations of `v1`, which has none"],
    );
    let fields = "#[area(pool = P)] v1: A, #[readout] head: H";
    assert_says(
        &of_fields("layer, record, pool, delay", fields),
        &["`pool` cannot stand between `record` and `delay`"],
    );
    assert_says(&of_fields("layer, pool, nonlin, record, delay", fields), &[]);
    let fields = "#[area(nonlin = none)] v1: A, #[readout] head: H";
    assert_says(
        &of_fields("layer, nonlin, record, delay", fields),
        &["`nonlin` is in the operations, but every area switches it off"],
    );
}

#[test]
fn a_value_that_cannot_be_read_is_one_mistake() {
    assert_says(
        &of_fields("layer, record, delay, pool", "#[area(pool = 3, tau = \"5\")] v1: A, #[readout] head: H"),
        &["`pool` takes a type, as in `pool = MaxPool2d<3, 2, 1>`", "`tau` takes a time in milliseconds"],
    );
    assert_says(
        &of_fields("layer, record, delay, skip", "v1: A, #[area(skip(v1))] v2: A, #[readout] head: H"),
        &["the source of a connection is named by a key: `from = v1`"],
    );
    assert_says(
        &of_fields("layer, record, delay, skip", "v1: A, #[area(skip)] v2: A, #[readout] head: H"),
        &["`skip` is written `skip(from = v1)`"],
    );
    assert_says(
        &of_fields("layer, record, delay, skip", "v1: A, #[area(skip())] v2: A, #[readout] head: H"),
        &["`skip` needs the area it comes from"],
    );
}

#[test]
fn links() {
    let order = "layer, skip, feedback, record, delay";
    let fields = "#[area(feedback(from = v1), feedback(from = v2, integration = Add), feedback(from = v2))] v1: A,
        #[area(skip(from = v4), feedback(from = v1), skip(from = v11), skip(from = head))] v2: A,
        #[area(skip(from = v1))] v4: A,
        #[readout(skip(from = w))] head: H";
    assert_says(
        &of_fields(order, fields),
        &[
            "feedback into `v1` from itself",
            "`v1` has a feedback from `v2` already",
            "skip into `v2` must come from an earlier area, but `v4` comes after it; did you mean `feedback(from = v4)`?",
            "skip into `v2` from `v11`, which is no area of this model; did you mean `v1`?",
            "skip into `v2` from `head`, which is no area of this model; it can come from `v1`",
            "feedback into `v2` must come from a later area, but `v1` comes before it; did you mean `skip(from = v1)`?",
            "skip into `head` from `w`, which is no area of this model; it can come from `v1`, `v2` and `v4`",
        ],
    );
}

#[test]
fn roles() {
    let order = "layer, record, delay";
    assert_says(&of_fields(order, "v1: A, v2: B"), &["`Net` has no readout; put `#[readout]` on its last field"]);
    assert_says(&of_fields(order, "v1: A, #[readout] a: H, #[readout] b: H"), &[]);
    assert_says(&of_fields(order, "v1: A, #[readout] a: H, v2: B"), &["the readout `a` reads the last area"]);
    assert_says(&of_fields(order, "#[readout] a: H"), &["`Net` has no area"]);
    assert_says(
        &of_fields(order, "#[aera] v1: A, #[area] #[area] v2: B, #[cfg(test)] v3: C, #[readout] a: H"),
        &[
            "unknown attribute `#[aera]`; did you mean `#[area]`?",
            "`v2` has a role already",
            "`#[cfg]` cannot stand on `v3`",
        ],
    );
    assert_says(
        &of_fields(order, "input: A, V1: A, v1: A, model: B, #[readout] dynamics: H"),
        &[
            "`input` cannot be used here: the frame has `Net::INPUT`",
            "`v1` cannot be used here: `V1` has it already",
            "`model` cannot be used here: the macro writes a type `NetModel`",
            "`dynamics` cannot be used here: the model keeps its time constants under `dynamics`",
        ],
    );
}

#[test]
fn items_that_are_no_model() {
    let args = format!("input = [3, 16, 16], {ORDER}");
    for (item, end) in [
        ("struct Net(#[area] A);", "names"),
        ("struct Net;", "fields"),
        ("enum Net { #[area] A }", "enum"),
        ("union Net { a: u8 }", "union"),
        ("fn net() {}", "readout"),
    ] {
        let found = messages(&args, item);
        assert!(
            found.len() == 1 && found[0].starts_with("`#[dyn_model]` describes") && found[0].ends_with(end),
            "{found:?}"
        );
    }
}

#[test]
fn generics() {
    let args = format!("input = [3, 16, 16], {ORDER}");
    let of = |generics| messages(&args, &format!("struct Net<{generics}> {{ v1: A, #[readout] head: H }}"));
    assert_says(
        &of("'a, T, const N: usize"),
        &[
            "a model owns all it is made of",
            "`T` needs a default, as in `T = Full`",
            "`N` needs a default, as in `N = 10`",
        ],
    );
}

#[test]
fn times() {
    let of = |dynamics| of_args(&format!("input = [3, 16, 16], {ORDER}, dynamics({dynamics})"));
    assert_says(
        &of("dt = 0, tau = -1, t_feedforward = -2, t_recurrence = 3"),
        &[
            "`dt` must be positive, but it is 0 ms",
            "`tau` must be positive, but it is -1 ms",
            "`t_feedforward` cannot be negative, but it is -2 ms",
        ],
    );
    assert_says(
        &of("t_recurrence = 3, dt = 2.0"),
        &["`t_recurrence` = 3 ms is no multiple of dt = 2 ms; the nearest are 2 ms and 4 ms"],
    );
    assert_says(&of("dt = 4"), &["dt = 4 ms does not divide the default `t_recurrence = 6`; give a multiple of dt"]);
    let fields = "#[area(feedback(from = v2))] v1: A, v2: A, #[readout] head: H";
    let args = "input = [3, 16, 16], operations = [layer, feedback, record, delay], dynamics(dt = 4)";
    assert_says(
        &messages(args, &format!("struct Net {{ {fields} }}")),
        &["dt = 4 ms does not divide the default `t_recurrence = 6` and `t_feedback = 30`"],
    );
    assert_says(&of("dt = 0.1, t_recurrence = 0.3"), &[]);
    assert_says(&of("dt = DT, t_recurrence = 0.3"), &[]);
    let fields =
        "#[area(tau = 0, t_recurrence = 5.0)] v1: A, #[area(skip(from = v1, delay = 1))] v2: A, #[readout] head: H";
    assert_says(
        &of_fields("layer, skip, record, delay", fields),
        &["`tau` must be positive", "`t_recurrence` = 5 ms is no", "`delay` = 1 ms is no multiple"],
    );
}

/// The code for a model, as rustfmt would almost print it.
fn expansion(args: &str, item: &str) -> String {
    let tokens = expand(args.parse().expect("tokens"), item.parse().expect("tokens"));
    prettyplease::unparse(&syn::parse2(tokens).expect("generated code is Rust"))
}

#[test]
fn expansion_of_a_small_model() {
    let item = "struct Small { v1: RConv2d<1, 4>, #[readout] head: Classifier<4, 2> }";
    let code = expansion("input = [1, 8, 8], operations = [layer, record, delay]", item);
    expect_test::expect_file!["../tests/expanded/small.rs"].assert_eq(&code);
}

#[test]
fn a_mistake_leaves_the_model_in_place() {
    let sound = "input = [3, 16, 16], operations = [layer, record, delay]";
    let mistaken = "input = [3, 16, 16], operations = [layer, recrod, delay]";
    let item = "struct Net { v1: A, #[readout] head: H }";
    let code = expansion(mistaken, item);
    let errors = "::core::compile_error! {\n    \"unknown operation `recrod`";
    let at = code.find(errors).expect("the error is there");
    assert_eq!(code[..at], expansion(sound, item));
}

#[test]
fn separators() {
    let fields = "#[area(pool = P; norm = N skip(from = nowhere))] v1: A, #[readout] head: H";
    assert_says(
        &of_fields("layer, skip, record, delay, pool, norm", fields),
        &["expected `,` before", "expected `,` before", "skip into `v1` from `nowhere`"],
    );
    let args = |order| of_args(&format!("input = [3, 16, 16], operations = [{order}]"));
    assert_says(&args("layer record; delay nonlin"), &["expected `,` before the next entry"]);
    assert_says(&args("\"layer\", \"record\", \"delay\""), &["operations are names without quotes: write `layer`"]);
}

#[test]
fn a_key_in_the_wrong_place_is_one_mistake() {
    let order = "operations = [layer, record, delay, pool]";
    assert_says(
        &of_args(&format!("input = [3, 16, 16], {order}, pool = P")),
        &["`pool` is no key of `#[dyn_model]`; write `pool = MaxPool2d<3, 2, 1>` in `#[area(..)]`"],
    );
    assert_says(
        &of_args(&format!("input = [3, 16, 16], {ORDER}, dt = 1.0")),
        &["`dt` is no key of `#[dyn_model]`; write `dt = 2.0` in `dynamics(..)` of `#[dyn_model(..)]`"],
    );
    assert_says(
        &of_fields("layer, record, delay", "#[area(retina = R, kernel = 3)] v1: A, #[readout] head: H"),
        &[
            "`retina` is no key of `#[area]`; write `retina = Retina<3, 16>` in `#[dyn_model(..)]`",
            "`kernel` is no key of `#[area]`; write `kernel = 3` in `skip(..)` or `feedback(..)`",
        ],
    );
}

#[test]
fn what_is_switched_off_for_all() {
    let args = |keys| of_args(&format!("input = [3, 16, 16], {keys}"));
    assert_says(&args("nonlin = none, solver = none, operations = [layer, record, delay]"), &[]);
    assert_says(
        &args("nonlin = none, operations = [layer, nonlin, record, delay]"),
        &["`nonlin` is in the operations, but every area switches it off"],
    );
    let fields = "#[area(nonlin = Relu)] v1: A, #[readout] head: H";
    let args = "input = [3, 16, 16], nonlin = none, operations = [layer, nonlin, record, delay]";
    assert_says(&messages(args, &format!("struct Net {{ {fields} }}")), &[]);
}

#[test]
fn an_attribute_given_twice() {
    let args = format!("input = [3, 16, 16], {ORDER}");
    let item = "#[dynvision::dyn_model(input = [1])] struct Net { v1: A, #[readout] head: H }";
    assert_says(&messages(&args, item), &["`#[dyn_model]` is given twice"]);
}

#[test]
fn a_delay_of_a_past_is_a_step() {
    let fields = "#[area(t_recurrence = 0.0, feedback(from = v2, delay = 0))] v1: A,
        #[area(skip(from = v1, delay = 0.0))] v2: A, #[readout] head: H";
    let args = "input = [3, 16, 16], operations = [layer, skip, feedback, record, delay], dynamics(t_feedback = 0.0)";
    assert_says(
        &messages(args, &format!("struct Net {{ {fields} }}")),
        &[
            "`t_feedback` must be at least one step",
            "`t_recurrence` must be at least one step",
            "`delay` must be at least one step",
        ],
    );
}

#[test]
fn a_switch_takes_true_and_false() {
    let of = |value| {
        let fields = format!("v1: A, #[area(skip(from = v1, force_conv{value}))] v2: A, #[readout] head: H");
        of_fields("layer, skip, record, delay", &fields)
    };
    assert_says(&of(""), &[]);
    assert_says(&of(" = true"), &[]);
    assert_says(&of(" = 3"), &["`force_conv` takes no value, or `true` or `false`"]);
}

/// A misspelt time is written as what it was meant to be, so that nothing follows from it.
#[test]
fn a_misspelt_time_is_one_mistake() {
    let args = format!("input = [3, 16, 16], {ORDER}, dynamics(tua = 5, dt = -1)");
    let code = expansion(&args, "struct Net { #[area(t_recurence = 4)] v1: A, #[readout] head: H }");
    assert!(code.contains("tau: 5.0,") && code.contains("dt: -1.0,") && code.contains("t_recurrence: "), "{code}");
}

#[test]
fn a_parameter_that_only_keys_mention_is_kept() {
    let args = format!("input = [3, 16, 16], {ORDER}, solver = S");
    let code = expansion(&args, "struct Net<S: Solver = Euler> { v1: A, #[readout] head: H }");
    assert!(code.contains("__parameters: ::dynvision::__private::PhantomData<(S,)>"), "{code}");
}

/// An area may have a raw name, and a source be written with or without `r#`.
#[test]
fn raw_names() {
    let args = "input = [3, 16, 16], operations = [layer, skip, record, delay]";
    let item = "struct Net { r#in: A, #[area(skip(from = in, integration = Add))] r#type: A, #[readout] head: H }";
    assert_says(&messages(args, item), &[]);
    let code = expansion(args, item);
    assert!(code.contains("type_skip_in") && code.contains("state.r#in"), "{code}");
}

/// Every key of the tables is read, as its example writes it.
#[test]
fn every_key_is_read() {
    use crate::keys::{AREA, DYNAMICS, FEEDBACK, MODEL, READOUT, SKIP};
    let parse = |args: &str, field: &str| {
        let mut errors = Errors::default();
        let item = format!("struct Net {{ {field} v1: A, #[readout] head: H }}");
        let parsed = parse::parse(args.parse().expect("tokens"), item.parse().expect("tokens"), &mut errors).is_ok();
        let said = errors.messages();
        assert!(parsed && said.is_empty(), "{args} {field}: {said:?}");
    };
    MODEL.known.iter().for_each(|key| parse(key.example, ""));
    DYNAMICS.known.iter().for_each(|key| parse(&format!("dynamics({})", key.example), ""));
    AREA.known.iter().for_each(|key| parse("", &format!("#[area({})]", key.example)));
    for (keys, direction) in [(&SKIP, "skip"), (&FEEDBACK, "feedback")] {
        let more = keys.known.iter().filter(|key| key.name != "from");
        more.for_each(|key| parse("", &format!("#[area({direction}(from = v1, {}))]", key.example)));
    }
    for key in READOUT.known {
        assert_says(
            &of_fields(
                "layer, record, delay",
                &format!("v1: A, v2: B, #[readout({})] head: H, #[readout(skip(from = v1))] a: H", key.example),
            ),
            &[],
        );
    }
}

/// What areas and readouts get, and what a model is shown.
#[test]
fn sources() {
    let order = "layer, record, delay";
    let fields = |fields: &str| of_fields(order, fields);
    assert_says(
        &fields("v1: A, #[area(from = [v1, v2])] v2: B, #[readout] a: H"),
        &["`v2` cannot get its input from itself"],
    );
    assert_says(&fields("v1: A, #[area(from = [v1, v1])] v2: B, #[readout] a: H"), &["`v2` gets `v1` twice"]);
    assert_says(
        &fields("v1: A, #[area(from = feedback(v1))] v2: B, #[readout] a: H"),
        &["`v2` gets the past of `v1`, which comes before it"],
    );
    assert_says(
        &fields("#[area(from = [feedback(v2), input])] v1: A, v2: B, #[readout] a: H"),
        &["the sizes of `v1` and `v2` come from each other"],
    );
    assert_says(&fields("#[area(from = [input, feedback(v2)])] v1: A, v2: B, #[readout(from = v1)] a: H"), &[]);
    assert_says(
        &fields("v1: A, v2: B, #[readout] a: H, #[readout(from = v3)] b: H"),
        &["`b` gets its input from `v3`, which is no area of this model"],
    );
    assert_says(
        &fields("v1: A, v2: B, #[readout(from = v1)] a: H"),
        &["nothing sees what `v2` sends, since `a` gets its input elsewhere"],
    );
    let args = |args: &str, fields: &str| {
        messages(&format!("{args}, operations = [{order}]"), &format!("struct Net {{ {fields}, #[readout] a: H }}"))
    };
    let eyes = "inputs(left = [1, 8, 8], right = [1, 8, 8])";
    assert_says(&args(eyes, "#[area(from = [left, right])] v1: A"), &[]);
    assert_says(&args(eyes, "v1: A"), &["nothing sees the input `right`"]);
    assert_says(
        &args(eyes, "#[area(from = right)] v1: A"),
        &["nothing sees the frame, since `v1` gets its input elsewhere"],
    );
    assert_says(&args("inputs(a1 = [1, 8, 8], a1 = [1, 8, 8])", "v1: A"), &["the input `a1` is given twice"]);
    assert_says(&args("inputs()", "v1: A"), &["`inputs` names the frames of a step"]);
    assert_says(&args("inputs(left = [8, 8])", "v1: A"), &["`left` has three entries"]);
    assert_says(
        &args("input = [1, 8, 8], inputs(left = [1, 8, 8])", "v1: A"),
        &["`input` is given as well; a model has one frame by `input`"],
    );
}

/// What is written almost as it should be is read, and told once.
#[test]
fn one_mistake_is_told_once() {
    let sound = "input = [3, 16, 16]";
    // sizes and times that are none
    for entry in ["8.0", "-8", "\"8\"", "0", "4294967296", "18446744073709551616"] {
        assert_says(&of_args(&format!("input = [3, {entry}, 16], {ORDER}")), &["a dimension of the frame "]);
    }
    for tau in ["1e400", "-1e400", "\"5\"", ""] {
        let fields = format!("#[area(tau = {tau})] v1: A, #[readout] head: H");
        assert_says(
            &of_fields("layer, tstep, nonlin, record, delay", &fields),
            &["`tau` takes a time in milliseconds"],
        );
    }
    for size in ["3.0", "-1", "\"3\"", "18446744073709551616"] {
        for key in ["kernel", "stride"] {
            let fields = format!("v1: A, #[area(skip(from = v1, {key} = {size}))] v2: B, #[readout] head: H");
            let wanted = format!("`{key}` takes a whole number from 1 on");
            assert_says(&of_fields("layer, skip, record, delay", &fields), &[&wanted]);
        }
    }
    // lists
    assert_says(&of_args(&format!("{sound}, operations = []")), &["`operations` names what an area runs in a step"]);
    assert_says(
        &of_args(&format!("{sound}, operations = [layer, nn::tstep, nonlin, record, delay]")),
        &["an operation is a name, and no path: write `tstep`"],
    );
    assert_says(
        &of_args(&format!("{sound}, operations = [layer, tstep(), nonlin, record, delay]")),
        &["an operation is a name alone: write `tstep`"],
    );
    for operations in ["layer -> tstep -> nonlin -> record -> delay", "layer | tstep | nonlin | record | delay"] {
        let args = format!("{sound}, operations = [{operations}]");
        assert_says(&of_args(&args), &["expected `,` before the next entry"]);
    }
    assert_says(
        &of_args(&format!("{sound}, operations = [layer, tstep = Euler, nonlin, record, delay]")),
        &["an operation is a name alone: write `tstep`"],
    );
    assert_says(&of_args(&format!("{sound}, operations = [layer, tstep, nonlin, record, r#delay]")), &[]);
    let eyes = |inputs: &str| {
        let item = "struct Net { #[area(from = [a, b])] v1: A, #[readout] head: H }";
        messages(&format!("inputs({inputs}), {ORDER}"), item)
    };
    assert_says(&eyes("a = [1, 8, 8] b = [1, 8, 8]"), &["expected `,` before the next input"]);
    assert_says(&eyes("a = [1, 8, 8]; b = [1, 8, 8]"), &["expected `,` before the next input"]);
    assert_says(&eyes("a = [1 8, 8], b = [1, 8, 8]"), &["expected `,` before the next entry"]);
    assert_says(&eyes("\"a\" = [1, 8, 8], b = [1, 8, 8]"), &["the name of an input stands without quotes: write `a`"]);
    assert_says(&of_args(&format!("inputs(3), {ORDER}")), &["`inputs` takes names with channels, height and width"]);
    // operations of one's own
    let own = |apply: &str| {
        let fields = format!("#[area(apply({apply}))] v1: A, #[readout] head: H");
        of_fields("layer, tstep, nonlin, gain, loss, record, delay", &fields)
    };
    assert_says(&own("gain = G loss = L"), &["expected `,` before the next operation"]);
    assert_says(&own("\"gain\" = G, loss = L"), &["the name of an operation stands without quotes: write `gain`"]);
    let fields = "#[area(apply(nonlin = G))] v1: A, #[readout] head: H";
    assert_says(&of_fields("layer, nonlin, record, delay", fields), &["`nonlin` is a built-in operation"]);
    // what is no key, and attributes without one
    assert_says(&of_args("\"input\""), &["expected a key; the keys of `#[dyn_model]` are"]);
    assert_says(&of_args(&format!("{sound},, {ORDER}")), &["expected a key; the keys of `#[dyn_model]` are"]);
    let fields = "v1: A, #[area(from = [])] v2: B, #[readout] head: H";
    assert_says(&of_fields("layer, record, delay", fields), &["`from` names what it gets"]);
    let raw = "#[area(r#tau = 5.0)] v1: A, #[readout] head: H";
    assert_says(&of_fields("layer, tstep, nonlin, record, delay", raw), &[]);
    assert_says(&of_fields("layer, record, delay", "__: A, #[readout] head: H"), &["`__` cannot be used here"]);
    // no area, and two fields of one name, which the compiler tells
    assert_says(&of_fields("layer, record, delay", "#[readout] head: H"), &["`Net` has no area"]);
    assert_says(&of_fields("layer, record, delay", "v1: A, v1: B, #[readout] head: H"), &[]);
    assert_says(&of_fields("layer, record, delay", "r#v1: A, v1: B, #[readout] head: H"), &[]);
    assert_says(
        &of_fields("layer, record, delay", "v_1: A, v1: B, #[readout] head: H"),
        &["`v1` cannot be used here: `v_1` has it already, but for underscores and the case of letters"],
    );
}

#[test]
fn delays_are_of_a_length_that_is_kept() {
    let of = |time: &str| {
        let fields = format!("#[area({time})] v1: A, #[readout] head: H");
        of_fields("layer, tstep, nonlin, record, delay", &fields)
    };
    assert_says(&of("t_feedforward = 2097152.0"), &[]);
    assert_says(
        &of("t_feedforward = 2097154.0"),
        &["`t_feedforward` = 2097154 ms is more than 1048576 steps of dt = 2 ms"],
    );
    assert_says(&of("t_recurrence = 1e300"), &["`t_recurrence` = 1e300 ms is more than 1048576 steps"]);
    let dt = of_args(&format!("input = [3, 16, 16], {ORDER}, dynamics(dt = 1e-320)"));
    assert_says(&dt, &["dt = 1e-320 ms does not divide"]);
}

#[test]
fn currents_are_switched_on_by_a_word() {
    let of =
        |addext: &str, operations: &str| of_fields(operations, &format!("#[area({addext})] v1: A, #[readout] head: H"));
    for addext in ["addext", "addext = true", "addext = Mine"] {
        assert_says(&of(addext, "layer, addext, record, delay"), &[]);
    }
    assert_says(&of("addext = false", "layer, record, delay"), &[]);
    assert_says(
        &of("addext = 3", "layer, addext, record, delay"),
        &["`addext` takes no value, `true` or `false`, or a type"],
    );
}

/// A struct that is kept though it makes no model has no mistake more.
#[test]
fn a_lifetime_is_one_mistake() {
    let kept = expand(
        quote!(input = [3, 16, 16]),
        quote!(
            struct Net<'a> {
                v1: A,
                #[readout]
                head: H,
            }
        ),
    );
    assert!(kept.to_string().contains("struct Net {") || kept.to_string().contains("struct Net < > {"), "{kept}");
    let used = expand(
        quote!(input = [3, 16, 16]),
        quote!(
            struct Net<'a> {
                v1: A<'a>,
                #[readout]
                head: H,
            }
        ),
    );
    assert!(!used.to_string().contains("A < 'a >"), "{used}");
}

/// The table of keys in the documentation is made of their entries.
///
/// After a change that is meant: `UPDATE_EXPECT=1 cargo test -p dynvision-macros`.
#[test]
fn the_documentation_has_every_key() {
    use crate::keys::{AREA, DYNAMICS, Keys, MODEL, SKIP};
    let table = |title: &str, keys: &Keys| {
        let rows: String = keys.known.iter().map(|key| format!("| `{}` | {} |\n", key.example, key.meaning)).collect();
        format!("# {title}\n\n| key | meaning |\n|---|---|\n{rows}\n")
    };
    let tables = [
        table("Keys of the model", &MODEL),
        table("Keys of `dynamics(..)`", &DYNAMICS),
        table("Keys of an area", &AREA),
        "`#[area(..)]` may be left out where there is no key. The readout takes `#[readout(from = v1)]`, as an area \
         does, and `#[readout(skip(from = v1))]`.\n\n"
            .into(),
        table("Keys of a connection", &SKIP),
    ];
    expect_test::expect_file!["keys.md"].assert_eq(tables.concat().trim_end());
}
