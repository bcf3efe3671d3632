//! Which model each case is, and what its parameters are called there.

use crate::compare::{Order, Output, Theirs, Told, compare};
use crate::golden::Golden;
use crate::models::*;
use crate::report::Report;

/// What comes of a case.
pub(crate) enum Outcome {
    Compared(Report),
    LeftOut(&'static str),
}

/// Compares the golden with the model that it is of.
pub(crate) fn run(golden: &Golden) -> Outcome {
    Outcome::Compared(match golden.name.as_str() {
        "cornet_z" => compare::<CorNetZ>(
            golden,
            &Told {
                names: &cornet_z,
                steps: Some(1),
                responses: &[("v1", "V1"), ("v2", "V2"), ("v4", "V4"), ("it", "IT")],
                ..Told::default()
            },
        ),
        "cornet_s_eval" | "cornet_s_train" => compare::<CorNetS>(
            golden,
            &Told {
                names: &cornet_s,
                steps: Some(1),
                training: golden.name == "cornet_s_train",
                responses: &[("v1", "V1"), ("v2", "V2"), ("v4", "V4"), ("it", "IT")],
                ..Told::default()
            },
        ),
        "cornet_r" => compare::<CorNetR>(golden, &cornet_r()),
        "cornet_rt" => compare::<CorNetRT>(golden, &cornet_r()),
        "blt2017_blt" => compare::<Blt>(golden, &blt()),
        "blt2017_blt_strong_lrn" => compare::<BltStrong>(golden, &blt()),
        "rcnn_sat_bl_eval" => compare::<RcnnSat>(
            golden,
            &Told {
                names: &rcnn_sat,
                steps: Some(golden.number("timesteps") as usize),
                responses: &RCNN_SAT,
                ..Told::default()
            },
        ),
        "rcnn_sat_bl_train_cumulative" => compare::<RcnnSatSum>(
            golden,
            &Told {
                names: &rcnn_sat,
                steps: Some(golden.number("timesteps") as usize),
                training: true,
                responses: &RCNN_SAT,
                ..Told::default()
            },
        ),
        "convlstm_2layer" => compare::<Lstm>(
            golden,
            &Told {
                names: &conv_lstm,
                output: Output::Response("l2"),
                responses: &[("l1", "h0"), ("l2", "h1")],
                memories: &[("l1", "cell", "c0"), ("l2", "cell", "c1")],
                ..Told::default()
            },
        ),
        "convgru_2layer" => compare::<Gru>(
            golden,
            &Told {
                names: &conv_gru,
                output: Output::Response("l2"),
                responses: &[("l1", "h0"), ("l2", "h1")],
                ..Told::default()
            },
        ),
        "hgru_paper" => compare::<HGruPaper>(golden, &Told { gradient: None, memories: &[], ..hgru(golden) }),
        "hgru_tf" => compare::<HGruPublished>(golden, &hgru(golden)),
        "hgru_tf_bn_train" => compare::<HGruBatchNorm>(golden, &Told { training: true, ..hgru(golden) }),
        "lif_snntorch_subtract_fastsigmoid" => compare::<Snn>(golden, &lif()),
        "lif_spikingjelly_default" => compare::<Lif>(golden, &lif()),
        "lif_spikingjelly_soft_atan" => compare::<LifSoft>(golden, &lif()),
        "organics_rnn" => compare::<Circuit>(
            golden,
            &Told {
                names: &organics,
                output: Output::Response("circuit"),
                responses: &[("circuit", "y")],
                memories: &[("circuit", "a", "a"), ("circuit", "b0", "b0"), ("circuit", "b1", "b1")],
                begin: &[
                    ("circuit", None, "y"),
                    ("circuit", Some("a"), "a"),
                    ("circuit", Some("b0"), "b0"),
                    ("circuit", Some("b1"), "b1"),
                ],
                ..Told::default()
            },
        ),
        "organics_hm2019" => compare::<Core>(
            golden,
            &Told {
                names: &heeger_mackey,
                responses: &[("circuit", "y")],
                memories: &[("circuit", "a", "a"), ("circuit", "b", "b")],
                ..Told::default()
            },
        ),
        "organics_conv_fixed" => compare::<Divisive>(
            golden,
            &Told { names: &divisive, steps: Some(1), output: Output::Response("v1"), ..Told::default() },
        ),
        "dann_dense" => compare::<DannDense>(
            golden,
            &Told {
                names: &dann_dense,
                steps: Some(1),
                responses: &[("fc0", "h0"), ("fc1", "h1"), ("fc2", "h2")],
                ..Told::default()
            },
        ),
        "dann_conv" => compare::<DannConv>(
            golden,
            &Told { names: &dann_conv, steps: Some(1), output: Output::Response("v1"), ..Told::default() },
        ),
        "song2016_ei" => compare::<Song>(
            golden,
            &Told { names: &song, responses: &[("rates", "r")], memories: &[("rates", "x", "x")], ..Told::default() },
        ),
        "prednet_keras" => compare::<PredNet>(golden, &Told { names: &pred_net, ..pred_net_told(Order::Time) }),
        "prednet_torchport" => {
            compare::<PredNetPort>(golden, &Told { names: &pred_net_port, ..pred_net_told(Order::Readout) })
        }
        _ => return Outcome::LeftOut("no entry in the table of cases"),
    })
}

/// The end of a name after a beginning.
fn after<'a>(name: &'a str, beginning: &str) -> Option<&'a str> {
    name.strip_prefix(beginning)
}

/// `V1` of `v1`.
fn area(ours: &str) -> String {
    ours.to_uppercase()
}

fn decoder(name: &str) -> Option<Theirs> {
    after(name, "classifier.").and_then(|rest| Theirs::all(format!("decoder.linear.{rest}")))
}

fn cornet_z(name: &str) -> Option<Theirs> {
    let (ours, rest) = name.split_once('.')?;
    decoder(name).or_else(|| Theirs::all(format!("{}.{rest}", area(ours))))
}

fn cornet_s(name: &str) -> Option<Theirs> {
    if let Some(decoder) = decoder(name) {
        return Some(decoder);
    }
    let (ours, rest) = name.split_once('.')?;
    Theirs::all(match ours {
        "stem" => rest.replace("conv.", "V1.conv1."),
        "stem_norm" => format!("V1.norm1.{rest}"),
        "v1" => rest.replace("conv.", "V1.conv2."),
        "v1_norm" => format!("V1.norm2.{rest}"),
        // norm1.0.weight is norm1_0.weight there
        _ => match rest.split_once('.') {
            Some((norm @ ("norm1" | "norm2" | "norm3"), rest)) => format!("{}.{norm}_{rest}", area(ours)),
            _ => format!("{}.{rest}", area(ours)),
        },
    })
}

fn cornet_r() -> Told<'static> {
    Told {
        names: &|name| {
            if name.ends_with("recurrence.weight") {
                return None; // fixed at 1
            }
            let (ours, rest) = name.split_once('.')?;
            decoder(name).or_else(|| {
                Theirs::all(match ours.strip_suffix("_norm") {
                    Some(ours) => format!("{}.norm1.{rest}", area(ours)),
                    None => {
                        let rest = rest.strip_prefix("stages.")?;
                        let rest = rest.replace("conv.", "conv_input.").replace("mid_modules.", "norm_input.");
                        format!("{}.{}", area(ours), rest.replace("conv2.", "conv1."))
                    }
                })
            })
        },
        steps: Some(4),
        output: Output::LastLogits,
        responses: &[("v1", "V1"), ("v2", "V2"), ("v4", "V4"), ("it", "IT")],
        ..Told::default()
    }
}

fn blt() -> Told<'static> {
    Told {
        names: &|name| {
            Theirs::all(match name {
                "h1.conv.weight" => "b1.weight",
                "h1.conv.bias" => "b1.bias",
                "h1.recurrence.weight" => "l1.weight",
                "h2.conv.weight" => "b2.weight",
                "h2.conv.bias" => "b2.bias",
                "h2.recurrence.weight" => "l2.weight",
                "h1_feedback_h2.via.weight" => "t1.weight",
                "classifier.weight" => "readout.weight",
                "classifier.bias" => "readout.bias",
                _ => return None,
            })
        },
        steps: Some(4),
        responses: &[("h1", "h1"), ("h2", "h2")],
        ..Told::default()
    }
}

const RCNN_SAT: [(&str, &str); 7] = [
    ("l0", "RCL_0"),
    ("l1", "RCL_1"),
    ("l2", "RCL_2"),
    ("l3", "RCL_3"),
    ("l4", "RCL_4"),
    ("l5", "RCL_5"),
    ("l6", "RCL_6"),
];

fn rcnn_sat(name: &str) -> Option<Theirs> {
    if let Some(rest) = after(name, "classifier.").or_else(|| after(name, "evidence.conv.")) {
        return Theirs::all(format!("ReadoutDense.{rest}"));
    }
    let (ours, rest) = after(name, "l")?.split_once('.')?;
    if let Some(layer) = ours.strip_suffix("_norm") {
        let (step, rest) = rest.split_once('.')?;
        let rest = match rest {
            "weight" => "gamma",
            "bias" => "beta",
            "running_mean" => "moving_mean",
            _ => "moving_variance",
        };
        return Theirs::all(format!("BatchNorm_Layer_{layer}_Time_{step}.{rest}"));
    }
    let conv = if rest.starts_with("conv.") { "b_conv" } else { "l_conv" };
    Theirs::all(format!("RCL_{ours}.{conv}.weight"))
}

fn conv_lstm(name: &str) -> Option<Theirs> {
    let (ours, rest) = name.split_once('.')?;
    let (layer, input, hidden) = match ours {
        "l1" => (0, 3, 4),
        "l2" => (1, 4, 5),
        _ => return None,
    };
    let weight = format!("cell_list.{layer}.conv.weight");
    match rest {
        "weight_ih" => Theirs::columns(weight, 0..input),
        "weight_hh" => Theirs::columns(weight, input..input + hidden),
        _ => Theirs::all(format!("cell_list.{layer}.conv.bias")),
    }
}

fn conv_gru(name: &str) -> Option<Theirs> {
    let (ours, rest) = name.split_once('.')?;
    let (layer, input, hidden) = match ours {
        "l1" => (0, 3, 4),
        "l2" => (1, 4, 5),
        _ => return None,
    };
    let (gate, rest) = rest.split_once('.')?;
    let theirs = |gate: &str| format!("ConvGRUCell_{layer:02}.{gate}_gate.{rest}");
    match gate.strip_suffix("_state") {
        Some(gate) => Theirs::columns(theirs(gate), input..input + hidden),
        None if rest == "weight" => Theirs::columns(theirs(gate), 0..input),
        None => Theirs::all(theirs(gate)),
    }
}

fn hgru(golden: &Golden) -> Told<'static> {
    Told {
        names: &|name| {
            let rest = after(name, "h.")?;
            Theirs::all(match rest.split_once('.') {
                Some((norm, "weight")) => format!("{norm}.gamma"),
                Some((norm, "running_mean")) => format!("{norm}.moving_mean"),
                Some((norm, "running_var")) => format!("{norm}.moving_variance"),
                Some(_) => return None, // no shift
                None => rest.to_string(),
            })
        },
        steps: Some(golden.number("timesteps") as usize),
        output: Output::Response("h"),
        responses: &[("h", "h2")],
        memories: &[("h", "h1", "h1")],
        begin: &[("h", None, "h2")],
        gradient: Some(("horizontal", "grad_symmetric/horizontal")),
        ..Told::default()
    }
}

fn lif() -> Told<'static> {
    Told {
        names: &|name| {
            let (ours, rest) = name.split_once('.')?;
            let rest = rest.strip_prefix("conv.")?;
            Theirs::all(match ours {
                "l1" => format!("conv1.{rest}"),
                "l2" => format!("conv2.{rest}"),
                _ => format!("fc.{rest}"),
            })
        },
        output: Output::SumOfLogits,
        responses: &[("l1", "spk/lif1"), ("l2", "spk/lif2"), ("l3", "spk/lif3")],
        memories: &[("l1", "membrane", "mem/lif1"), ("l2", "membrane", "mem/lif2"), ("l3", "membrane", "mem/lif3")],
        ..Told::default()
    }
}

fn pred_net_told(order: Order) -> Told<'static> {
    Told {
        output: Output::Readouts(&["error0", "error1", "error2"], order),
        responses: &[("r0", "R0"), ("r1", "R1"), ("r2", "R2")],
        memories: &[
            ("r0", "cell", "C0"),
            ("r1", "cell", "C1"),
            ("r2", "cell", "C2"),
            ("e0", "prediction", "Ahat0"),
            ("e1", "prediction", "Ahat1"),
            ("e2", "prediction", "Ahat2"),
        ],
        ..Told::default()
    }
}

/// The level of a field such as `r1`, and of which kind it is.
fn level(ours: &str) -> Option<(char, usize)> {
    let mut letters = ours.chars();
    Some((letters.next()?, letters.as_str().parse().ok()?))
}

fn pred_net(name: &str) -> Option<Theirs> {
    /// Of what represents; there it stands before the errors and what comes from above.
    const REPRESENTATION: [usize; 3] = [3, 4, 6];
    const INPUT: [usize; 3] = [4 + 4, 8 + 6, 10];
    let (ours, rest) = name.split_once('.')?;
    match level(ours)? {
        ('r', level) => {
            let own = REPRESENTATION[level];
            let columns = match rest {
                "weight_hh" => Some(0..own),
                "weight_ih" => Some(own..own + INPUT[level]),
                _ => None,
            };
            let kind = if rest == "bias" { "bias" } else { "weight" };
            Theirs::stacked(["i", "f", "c", "o"].map(|gate| format!("{gate}_{level}.{kind}")), columns)
        }
        ('e', level) => Theirs::all(format!("ahat_{level}.{rest}")),
        (_, level) => Theirs::all(format!("a_{}.{}", level - 1, after(rest, "conv.")?)),
    }
}

fn pred_net_port(name: &str) -> Option<Theirs> {
    let (ours, rest) = name.split_once('.')?;
    Theirs::all(match level(ours)? {
        ('r', level) => format!("cell{level}.{}", if rest == "bias" { "bias_ih" } else { rest }),
        ('e', level) => format!("conv{level}.0.{rest}"),
        (_, level) => format!("update_A{}.0.{}", level - 1, after(rest, "conv.")?),
    })
}

fn organics(name: &str) -> Option<Theirs> {
    Theirs::all(match after(name, "circuit.")? {
        "wzx" => "Wzx.weight",
        "wr" => "Wr.weight",
        "wbx0" => "Wbx0",
        "wby0" => "Wby0",
        "wba0" => "Wba0",
        "wbx1" => "Wbx1",
        "wby1" => "Wby1",
        "wba1" => "Wba1",
        "log_way" => "log_Way",
        "sigma" => "sigma",
        "rate_y" => "param_dt_tauy",
        "rate_a" => "param_dt_taua",
        "rate_b0" => "param_dt_taub0",
        "rate_b1" => "param_dt_taub1",
        _ => return None,
    })
}

fn heeger_mackey(name: &str) -> Option<Theirs> {
    if name == "readout.weight" {
        return Theirs::all("Wry");
    }
    let rest = after(name, "circuit.")?;
    Theirs::all(match rest.strip_prefix('w') {
        Some(ends) => format!("W{ends}"),
        None => rest.to_string(),
    })
}

fn divisive(name: &str) -> Option<Theirs> {
    let rest = after(name, "v1.")?;
    Theirs::all(if rest == "log_way" { "log_Way" } else { rest })
}

fn dann_dense(name: &str) -> Option<Theirs> {
    let (layer, rest) = name.split_once('.')?;
    Theirs::all(format!(
        "layers.{layer}.{}",
        match rest {
            "wex" => "Wex",
            "wix" => "Wix",
            "wei" => "Wei",
            other => other,
        }
    ))
}

fn dann_conv(name: &str) -> Option<Theirs> {
    Theirs::all(match after(name, "v1.")? {
        "wex" => "e_conv.weight",
        "wix" => "i_conv.weight",
        "wei" => "Wei",
        other => other,
    })
}

fn song(name: &str) -> Option<Theirs> {
    Theirs::all(match name {
        "rates.w_in" => "Win",
        "rates.w_rec" => "Wrec",
        "rates.b_rec" => "brec",
        "rates.x0" => "x0",
        "readout.weight" => "Wout",
        "readout.bias" => "bout",
        _ => return None,
    })
}
