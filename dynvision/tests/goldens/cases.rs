//! Which case is compared how, and which is left out why.

use crate::components::{bias, operation, recurrence, retina, solver};
use crate::golden::Golden;
use crate::losses::{cross_entropy, terms};
use crate::models::*;
use crate::presentation;
use crate::report::Report;
use crate::unroll::{Differently, answers, model, model_with};
use dynvision::loss::{Activity, CrossEntropy, Measure, Weighted};
use dynvision::nn::{
    DefaultOptions, DepthPointwise, FeatureBias, InputAdaption, LayerKernel, Local, LocalDepthwise, NoBias,
    PointDepthwise, ScalarBias, SpatialBias, SupraLinearity, TrainedFrom, TrainedTau, Uniform, WeightNorm,
};
use dynvision::prelude::*;

/// What becomes of a case.
pub(crate) enum Case {
    /// It is compared.
    Compare(fn(&Golden) -> Report),
    /// It is left out for this reason.
    LeaveOut(&'static str),
}
use Case::{Compare, LeaveOut};

type FullNormed = Full<LayerKernel, WeightNorm<DefaultOptions<Uniform>>>;
type FullNoBias = Full<LayerKernel, NoBias<Uniform>>;

const NO_HISTORY: &str = "with t_recurrence below dt the original keeps no state: it switches recurrence off and leaks from \
                          the state before the nonlinearity; here a recurrent delay is at least one step";

/// What becomes of the case of this name; `None` if nobody said.
pub(crate) fn case(name: &str) -> Option<Case> {
    Some(match name {
        "rec_none" | "tff2_rec_none" | "feedforward_only" => Compare(model::<Tiny<NoRecurrence>>),
        "rec_self" => Compare(model::<Tiny<SelfRecurrence>>),
        "rec_self_zero_bias" => Compare(|golden| {
            // the original neither adds nor trains a bias of zero; here it is trained as any other
            model_with::<Tiny<SelfRecurrence>, _>(
                golden,
                &Differently { no_gradient: &["recurrence.bias"], ..Default::default() },
                &CrossEntropy::default(),
            )
        }),
        "rec_full" | "tff2" | "tff4" | "trec2" | "trec6" | "trec0_with_history" | "dt1_tau10" | "tau_eq_dt"
        | "idle3" | "idle3_value" | "tbptt2" | "tbptt2_idle3" => Compare(model::<Tiny>),
        "rec_full_nobias" => Compare(model::<Tiny<FullNoBias, NoBias>>),
        "rec_full_multiplicative" => Compare(model::<Tiny<Full, DefaultOptions, Multiplicative>>),
        "rec_full_weightnorm" => Compare(model::<Tiny<FullNormed, WeightNorm>>),
        "rec_depthpointwise" => Compare(model::<Tiny<DepthPointwise>>),
        "rec_pointdepthwise" => Compare(model::<Tiny<PointDepthwise>>),
        "rec_local" => Compare(model::<Square<Local>>),
        "rec_localdepthwise" => Compare(model::<Square<LocalDepthwise>>),
        "train_tau" => Compare(model::<TrainedTimes>),
        "tff3_trunc" => Compare(|golden| {
            model_with::<Tiny, _>(
                golden,
                &Differently { times: Some(|times| times.t_feedforward = 2.0), ..Default::default() },
                &CrossEntropy::default(),
            )
        }),
        "trec5_trunc2" => Compare(|golden| {
            model_with::<Tiny, _>(
                golden,
                &Differently { times: Some(|times| times.t_recurrence = 4.0), ..Default::default() },
                &CrossEntropy::default(),
            )
        }),
        "trec0p3_dt0p1" => Compare(|golden| {
            model_with::<Tiny, _>(
                golden,
                &Differently { times: Some(|times| times.t_recurrence = 0.2), ..Default::default() },
                &CrossEntropy::default(),
            )
        }),
        "trec0" | "trec1_trunc0" | "idle3_trec0" | "tbptt2_trec0" => LeaveOut(NO_HISTORY),
        "tff2_addbias_spatial" => Compare(model::<Biased>),
        "op_order_norm_first" => Compare(model::<Normed>),
        "supralin_1p2" => Compare(model::<Supralinear>),
        "input_adaption_model" => Compare(model::<Adapting>),
        "skip_explicit_stride2" => Compare(model::<SkipStrided>),
        "resnet18_patched" => Compare(answers::<ResNet18>),
        "no_solver" => Compare(model::<NoSolver>),
        "target_input_full" => Compare(model::<ToInputs<Full>>),
        "target_input_self" => Compare(model::<SelfToInputs>),
        "target_input_depthpointwise" => Compare(model::<ToInputs<DepthPointwise>>),
        "target_input_pointdepthwise" => Compare(model::<ToInputs<PointDepthwise>>),
        "target_middle_full" => Compare(model::<TwoStages>),
        "target_middle_self" => Compare(model::<TwoStagesSelf>),
        "target_output_mid" => Compare(model::<TwoStagesOutput>),
        "skip_same_shape" => Compare(model::<SkipSame>),
        "skip_channels" => Compare(model::<SkipChannels>),
        "skip_channels_size" => Compare(model::<SkipFar>),
        "skip_delay2" | "skip_explicit_scale" | "skip_t_connection" | "skip_trec0" => Compare(model::<SkipDown>),
        "skip_delay3_silent_off" => LeaveOut(
            "the skip's delay exceeds the original's history, which switches it off; here histories are as long as read",
        ),
        "skip_explicit_stride2_scale_bug" => LeaveOut(
            "the original resizes by scale / stride where scale * stride is right; here the target gives the size",
        ),
        "feedback_add" | "feedback_add_t0" | "feedback_add_t2" => Compare(model::<Feedback>),
        "feedback_mul" => Compare(model::<FeedbackGain>),
        "input_adaption_idle" => LeaveOut(
            "the original captures the idle frame, so that the stimulus never enters; here adaption starts with it",
        ),
        "x2_full" => Compare(model::<X2<Full>>),
        "x2_self" => Compare(model::<X2<SelfRecurrence>>),
        "x2_none" => Compare(model::<X2<NoRecurrence>>),
        "x2_tff2_idle2" => Compare(model::<X2Grey>),
        "x4_full" => Compare(model::<X4<Full>>),
        "comp_conn_full" => Compare(|golden| recurrence::<FullNoBias, 4, 4, 3>(golden, &[("weight", "conv.weight")])),
        "comp_conn_full_4to6_bias" => {
            Compare(|golden| recurrence::<Full, 4, 6, 3>(golden, &[("weight", "conv.weight"), ("bias", "conv.bias")]))
        }
        "comp_conn_pointdepthwise_4to6" => Compare(|golden| {
            recurrence::<PointDepthwise, 4, 6, 3>(
                golden,
                &[
                    ("pointwise.weight", "pointwise_conv.weight"),
                    ("pointwise.bias", "pointwise_conv.bias"),
                    ("depthwise.weight", "depthwise_conv.weight"),
                    ("depthwise.bias", "depthwise_conv.bias"),
                ],
            )
        }),
        "comp_conn_local_4" => {
            Compare(|golden| recurrence::<Local, 4, 4, 3>(golden, &[("weight", "conv.weight"), ("bias", "conv.bias")]))
        }
        "comp_conn_local_64_k3" => Compare(|golden| {
            recurrence::<Local, 64, 64, 3>(golden, &[("weight", "conv.weight"), ("bias", "conv.bias")])
        }),
        "comp_conn_localdepthwise_4" => Compare(|golden| {
            recurrence::<LocalDepthwise, 4, 4, 3>(
                golden,
                &[
                    ("local.weight", "local_conv.conv.weight"),
                    ("local.bias", "local_conv.conv.bias"),
                    ("depthwise.weight", "patchy_conv.weight"),
                    ("depthwise.bias", "patchy_conv.bias"),
                ],
            )
        }),
        "comp_conn_self" => {
            Compare(|golden| recurrence::<SelfRecurrence, 3, 3, 3>(golden, &[("weight", "weight"), ("bias", "bias")]))
        }
        "comp_euler_given_h" | "comp_euler_own_state" => {
            Compare(|golden| solver::<Euler<TrainedTau>>(golden, "grad_tau"))
        }
        "comp_rk4_given_h" | "comp_rk4_own_state" => {
            Compare(|golden| solver::<RungeKutta4<TrainedTau>>(golden, "grad_tau"))
        }
        "comp_input_adaption" => {
            Compare(|golden| solver::<InputAdaption<TrainedFrom<700>>>(golden, "grad/recurrence.weight"))
        }
        "comp_retina" => Compare(retina),
        "comp_bias_spatial" => Compare(bias::<SpatialBias<3, 4, 5>, 3>),
        "comp_bias_feature" => Compare(bias::<FeatureBias<3>, 3>),
        "comp_bias_scalar" => Compare(bias::<ScalarBias, 3>),
        "comp_supralin_1p2" => Compare(|golden| operation::<SupraLinearity<1200>, 128>(golden, &[])),
        "comp_supralin_1p8" => Compare(|golden| operation::<SupraLinearity<1800>, 128>(golden, &[])),
        "activity_shared_nonlin" => {
            LeaveOut("the original divides every area's activity by the size of the first; here each by its own")
        }
        "activity_abs_layers" | "activity_tff" => Compare(|golden| {
            let recorded = Differently { other_responses: true, ..Default::default() };
            model_with::<Driven, _>(golden, &recorded, &Activity::default())
        }),
        "activity_signed_tstep" => Compare(|golden| {
            let recorded = Differently { other_responses: true, ..Default::default() };
            let signed = Activity { measure: Measure::Signed, ..Default::default() };
            model_with::<Solved, _>(golden, &recorded, &(CrossEntropy::default(), Weighted::new(0.5, signed)))
        }),
        "loss_ce" | "loss_ce_masked" | "loss_ce_all_masked" => {
            Compare(|golden| cross_entropy(golden, &CrossEntropy::default(), -1))
        }
        "loss_ce_ignore100" => Compare(|golden| cross_entropy(golden, &CrossEntropy::default(), -100)),
        "loss_ce_class_weight" => Compare(|golden| {
            let weights = Some(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
            cross_entropy(golden, &CrossEntropy { class_weights: weights, ..Default::default() }, -1)
        }),
        "loss_ce_masked_none" => Compare(terms),
        "batch_shuffled" => Compare(presentation::shuffled),
        "batch_multi_t_no_mask" => Compare(presentation::with_time_axis),
        name if name.starts_with("batch_") => Compare(presentation::batch),
        _ => return crate::large::case(name),
    })
}
