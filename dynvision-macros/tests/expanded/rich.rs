#[allow(dead_code)]
pub(crate) struct Rich<R: Recurrence = Full, const N: usize = 7>
where
    R: Send,
{
    v1: RConv2d<16, 4, 3, 1, R>,
    v2: RConv2d<4, 6, 3, 1, R>,
    v4: RConv2d<6, 5>,
    classifier: Classifier<5, N>,
}
/// The shapes of the model: channels, rows and columns.
impl Rich<Full, 7> {
    /// A frame.
    pub(crate) const INPUT: crate::__private::Map = crate::__private::Map::new(
        C,
        SIDE,
        SIDE,
    );
    /// What the retina makes of a frame.
    pub(crate) const RETINA: crate::__private::Map = <__RichRetinaPart as crate::__private::Layer>::TYPED
        .apply(Rich::INPUT);
    /// What `v1` answers.
    pub(crate) const V1: crate::__private::Map = <__RichV1Layer<
        Full,
    > as crate::__private::Layer>::TYPED
        .apply(Rich::RETINA);
    /// What `v1` sends on.
    pub(crate) const V1_POOL: crate::__private::Map = <__RichV1Pool as crate::__private::Pool>::GEOMETRY
        .apply(Rich::V1);
    /// What `v2` answers.
    pub(crate) const V2: crate::__private::Map = <__RichV2Layer<
        Full,
    > as crate::__private::Layer>::TYPED
        .apply(Rich::V1_POOL);
    /// What `v4` answers.
    pub(crate) const V4: crate::__private::Map = <__RichV4Layer as crate::__private::Layer>::TYPED
        .apply(Rich::V2);
    /// The areas and how they are connected.
    pub(crate) const WIRING: crate::__private::Wiring = {
        use crate::__private as __dv;
        __dv::Wiring {
            name: "Rich",
            input: Rich::INPUT,
            areas: &[
                __dv::Area {
                    name: "v1",
                    layer: "RConv2d<16, 4, 3, 1, R>",
                    operations: &[
                        "layer",
                        "feedback",
                        "tstep",
                        "nonlin",
                        "record",
                        "delay",
                        "pool",
                        "norm",
                    ],
                    takes: Rich::RETINA,
                    answers: Rich::V1,
                    sends: Rich::V1_POOL,
                    times: __dv::AreaDynamics {
                        tau: __dv::Option::Some(9.0),
                        ..__dv::AreaDynamics::DEFAULT
                    },
                },
                __dv::Area {
                    name: "v2",
                    layer: "RConv2d<4, 6, 3, 1, R>",
                    operations: &[
                        "addext",
                        "layer",
                        "gain",
                        "nonlin",
                        "supralin",
                        "record",
                        "delay",
                    ],
                    takes: Rich::V1_POOL,
                    answers: Rich::V2,
                    sends: Rich::V2,
                    times: __dv::AreaDynamics::DEFAULT,
                },
                __dv::Area {
                    name: "v4",
                    layer: "RConv2d<6, 5>",
                    operations: &["skip", "layer", "record", "delay"],
                    takes: Rich::V2,
                    answers: Rich::V4,
                    sends: Rich::V4,
                    times: __dv::AreaDynamics::DEFAULT,
                },
            ],
            links: &[
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Feedback,
                    from: 2usize,
                    into: 0usize,
                    delay: __dv::Option::None,
                },
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Skip,
                    from: 0usize,
                    into: 2usize,
                    delay: __dv::Option::None,
                },
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Skip,
                    from: 1usize,
                    into: 2usize,
                    delay: __dv::Option::Some(3.0),
                },
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Skip,
                    from: 1usize,
                    into: 3usize,
                    delay: __dv::Option::None,
                },
            ],
        }
    };
}
/// A frame, in a batch: [`Rich::INPUT`].
pub(crate) type RichInput<B> = (
    B,
    crate::__private::Const<{ Rich::INPUT.c }>,
    crate::__private::Const<{ Rich::INPUT.h }>,
    crate::__private::Const<{ Rich::INPUT.w }>,
);
/// What the retina makes of a frame, in a batch: [`Rich::RETINA`].
pub(crate) type RichRetina<B> = (
    B,
    crate::__private::Const<{ Rich::RETINA.c }>,
    crate::__private::Const<{ Rich::RETINA.h }>,
    crate::__private::Const<{ Rich::RETINA.w }>,
);
/// What `v1` answers, in a batch: [`Rich::V1`].
pub(crate) type RichV1<B> = (
    B,
    crate::__private::Const<{ Rich::V1.c }>,
    crate::__private::Const<{ Rich::V1.h }>,
    crate::__private::Const<{ Rich::V1.w }>,
);
/// What `v1` sends on, in a batch: [`Rich::V1_POOL`].
pub(crate) type RichV1Pool<B> = (
    B,
    crate::__private::Const<{ Rich::V1_POOL.c }>,
    crate::__private::Const<{ Rich::V1_POOL.h }>,
    crate::__private::Const<{ Rich::V1_POOL.w }>,
);
/// What `v2` answers, in a batch: [`Rich::V2`].
pub(crate) type RichV2<B> = (
    B,
    crate::__private::Const<{ Rich::V2.c }>,
    crate::__private::Const<{ Rich::V2.h }>,
    crate::__private::Const<{ Rich::V2.w }>,
);
/// What `v4` answers, in a batch: [`Rich::V4`].
pub(crate) type RichV4<B> = (
    B,
    crate::__private::Const<{ Rich::V4.c }>,
    crate::__private::Const<{ Rich::V4.h }>,
    crate::__private::Const<{ Rich::V4.w }>,
);
#[doc(hidden)]
type __RichAdaptionPart = crate::__private::Part<
    InputAdaption,
    { crate::__private::is!(Solver, InputAdaption) },
>;
#[doc(hidden)]
type __RichRetinaPart = crate::__private::Part<
    Retina<3, 16>,
    { crate::__private::is!(Layer, Retina < 3, 16 >) },
>;
#[doc(hidden)]
type __RichV1Layer<R> = crate::__private::Part<
    RConv2d<16, 4, 3, 1, R>,
    { crate::__private::is!(Layer, RConv2d < 16, 4, 3, 1, Full >) },
>;
#[doc(hidden)]
type __RichV1FeedbackV4 = crate::__private::Part<
    Multiplicative,
    { crate::__private::is!(Integration, Multiplicative) },
>;
#[doc(hidden)]
type __RichV1Tstep = crate::__private::Part<
    RungeKutta4,
    { crate::__private::is!(Solver, RungeKutta4) },
>;
#[doc(hidden)]
type __RichV1Nonlin = crate::__private::Part<
    Identity,
    { crate::__private::is!(Nonlinearity, Identity) },
>;
#[doc(hidden)]
type __RichV1Pool = crate::__private::Part<
    AvgPool2d<2>,
    { crate::__private::is!(Pool, AvgPool2d < 2 >) },
>;
#[doc(hidden)]
type __RichV1Norm = crate::__private::Part<
    GroupNorm<4, 4>,
    { crate::__private::is!(Operation, GroupNorm < 4, 4 >) },
>;
#[doc(hidden)]
type __RichV2Layer<R> = crate::__private::Part<
    RConv2d<4, 6, 3, 1, R>,
    { crate::__private::is!(Layer, RConv2d < 4, 6, 3, 1, Full >) },
>;
#[doc(hidden)]
type __RichV2Gain = crate::__private::Part<
    Gain<6>,
    { crate::__private::is!(Operation, Gain < 6 >) },
>;
#[doc(hidden)]
type __RichV2Nonlin = crate::__private::Part<
    Relu,
    { crate::__private::is!(Nonlinearity, Relu) },
>;
#[doc(hidden)]
type __RichV2Supralin = crate::__private::Part<
    SupraLinearity,
    { crate::__private::is!(Operation, SupraLinearity) },
>;
#[doc(hidden)]
type __RichV4Layer = crate::__private::Part<
    RConv2d<6, 5>,
    { crate::__private::is!(Layer, RConv2d < 6, 5 >) },
>;
#[doc(hidden)]
type __RichClassifierReadout<const N: usize> = crate::__private::Part<
    Classifier<5, N>,
    { crate::__private::is!(Readout, Classifier < 5, 7 >) },
>;
/// The weights of a [`Rich`], in one dtype on one device.
#[derive(crate::__private::Clone, crate::__private::Debug)]
pub(crate) struct RichModel<
    R: Recurrence,
    const N: usize,
    E: crate::__private::Dtype,
    D: crate::__private::Device<E>,
>
where
    R: Send,
{
    /// The adaption of the frame.
    pub(crate) adaption: crate::__private::Built<__RichAdaptionPart, E, D>,
    /// The retina of the frame.
    pub(crate) retina: crate::__private::Built<__RichRetinaPart, E, D>,
    /// The layer of `v1`.
    pub(crate) v1: crate::__private::Built<__RichV1Layer<R>, E, D>,
    /// The feedback from `v4` into `v1`.
    pub(crate) v1_feedback_v4: crate::__private::Built<
        crate::__private::Link<
            { Rich::V4.c },
            { Rich::V1.c },
            { 1 },
            { 1 },
            false,
            __RichV1FeedbackV4,
        >,
        E,
        D,
    >,
    /// What `tstep` runs in `v1`.
    pub(crate) v1_tstep: crate::__private::Built<__RichV1Tstep, E, D>,
    /// What `nonlin` runs in `v1`.
    pub(crate) v1_nonlin: crate::__private::Built<__RichV1Nonlin, E, D>,
    /// What `norm` runs in `v1`.
    pub(crate) v1_norm: crate::__private::Built<__RichV1Norm, E, D>,
    /// The layer of `v2`.
    pub(crate) v2: crate::__private::Built<__RichV2Layer<R>, E, D>,
    /// What `addext` runs in `v2`.
    pub(crate) v2_addext: crate::__private::Built<crate::nn::ExternalInput, E, D>,
    /// What `gain` runs in `v2`.
    pub(crate) v2_gain: crate::__private::Built<__RichV2Gain, E, D>,
    /// What `nonlin` runs in `v2`.
    pub(crate) v2_nonlin: crate::__private::Built<__RichV2Nonlin, E, D>,
    /// What `supralin` runs in `v2`.
    pub(crate) v2_supralin: crate::__private::Built<__RichV2Supralin, E, D>,
    /// The layer of `v4`.
    pub(crate) v4: crate::__private::Built<__RichV4Layer, E, D>,
    /// The skip from `v1` into `v4`.
    pub(crate) v4_skip_v1: crate::__private::Built<
        crate::__private::Link<{ Rich::V1.c }, { Rich::V2.c }, { 3 }, { 1 }, true>,
        E,
        D,
    >,
    /// The skip from `v2` into `v4`.
    pub(crate) v4_skip_v2: crate::__private::Built<
        crate::__private::Link<{ Rich::V2.c }, { Rich::V2.c }>,
        E,
        D,
    >,
    /// The skip from `v2` into `classifier`.
    pub(crate) classifier_skip_v2: crate::__private::Built<
        crate::__private::Link<{ Rich::V2.c }, { Rich::V4.c }>,
        E,
        D,
    >,
    /// The readout.
    pub(crate) classifier: crate::__private::Built<__RichClassifierReadout<N>, E, D>,
    /// The time constants.
    pub(crate) dynamics: crate::__private::Setting<crate::__private::Dynamics>,
}
/// What is kept of each area of [`Rich`]: see [`RichState`] and [`RichResponses`].
#[derive(crate::__private::Clone, crate::__private::Debug)]
pub(crate) struct RichAreas<
    K: crate::__private::Kind,
    B: crate::__private::Dim,
    E: crate::__private::Dtype,
    D: crate::__private::Device<E>,
> {
    /// Of `input`: [`Rich::INPUT`] for each image.
    pub(crate) input: K::Of<RichInput<B>, E, D>,
    /// Of `v1`: [`Rich::V1`] for each image.
    pub(crate) v1: K::Of<RichV1<B>, E, D>,
    /// Of `v2`: [`Rich::V2`] for each image.
    pub(crate) v2: K::Of<RichV2<B>, E, D>,
    /// Of `v4`: [`Rich::V4`] for each image.
    pub(crate) v4: K::Of<RichV4<B>, E, D>,
}
/// What each area remembers.
pub(crate) type RichState<B, E, D> = RichAreas<crate::__private::Past, B, E, D>;
/// What each area answered over time.
pub(crate) type RichResponses<B, E, D> = RichAreas<crate::__private::Run, B, E, D>;
const _: () = {
    use crate::__private as __dv;
    const _: () = __dv::is_solver::<InputAdaption>();
    const _: __dv::Geometry = <Retina<3, 16> as __dv::Layer>::GEOMETRY;
    const _: __dv::Geometry = <RConv2d<16, 4, 3, 1, Full> as __dv::Layer>::GEOMETRY;
    const _: bool = <Multiplicative as __dv::Integration>::IS_SUM;
    const _: () = __dv::is_solver::<RungeKutta4>();
    const _: bool = <Identity as __dv::Nonlinearity>::RECTIFIES;
    const _: __dv::Geometry = <AvgPool2d<2> as __dv::Pool>::GEOMETRY;
    const _: __dv::Option<usize> = <GroupNorm<4, 4> as __dv::Operation>::CHANNELS;
    const _: __dv::Geometry = <RConv2d<4, 6, 3, 1, Full> as __dv::Layer>::GEOMETRY;
    const _: __dv::Option<usize> = <Gain<6> as __dv::Operation>::CHANNELS;
    const _: bool = <Relu as __dv::Nonlinearity>::RECTIFIES;
    const _: __dv::Option<usize> = <SupraLinearity as __dv::Operation>::CHANNELS;
    const _: __dv::Geometry = <RConv2d<6, 5> as __dv::Layer>::GEOMETRY;
    const _: __dv::Features = <Classifier<5, 7> as __dv::Readout>::FEATURES;
    const _: () = __dv::check_frame(Rich::INPUT);
    const _: () = __dv::check_layer::<
        __RichRetinaPart,
    >("retina", "the frame", Rich::INPUT);
    const _: () = __dv::check_layer::<
        __RichV1Layer<Full>,
    >("v1", "the retina", Rich::RETINA);
    const _: () = __dv::check_pool::<__RichV1Pool>("v1", Rich::V1);
    const _: () = __dv::check_operation::<__RichV1Norm>("norm", "v1", Rich::V1_POOL);
    const _: () = __dv::check_operation::<
        crate::nn::ExternalInput,
    >("addext", "v2", Rich::V1_POOL);
    const _: () = __dv::check_layer::<__RichV2Layer<Full>>("v2", "`v1`", Rich::V1_POOL);
    const _: () = __dv::check_operation::<__RichV2Gain>("gain", "v2", Rich::V2);
    const _: () = __dv::check_operation::<__RichV2Supralin>("supralin", "v2", Rich::V2);
    const _: () = __dv::check_link("the skip from `v1` into", "v4", 3, 1, Rich::V1);
    const _: () = __dv::check_layer::<__RichV4Layer>("v4", "`v2`", Rich::V2);
    const _: () = __dv::check_readout::<
        __RichClassifierReadout<7>,
    >("classifier", "`v4`", Rich::V4);
    impl<
        R: Recurrence,
        const N: usize,
        E: __dv::Dtype,
        D: __dv::Device<E>,
    > __dv::BuildOnDevice<D, E> for Rich<R, N>
    where
        R: Send,
    {
        type Built = RichModel<R, N, E, D>;
        fn try_build_on_device(device: &D) -> __dv::StdResult<Self::Built, D::Err> {
            const {
                __dv::check_same(
                    "v1",
                    <__RichV1Layer<R> as __dv::Layer>::GEOMETRY,
                    <__RichV1Layer<Full> as __dv::Layer>::GEOMETRY,
                )
            };
            const {
                __dv::check_same(
                    "v2",
                    <__RichV2Layer<R> as __dv::Layer>::GEOMETRY,
                    <__RichV2Layer<Full> as __dv::Layer>::GEOMETRY,
                )
            };
            let mut net: Self::Built = __dv::BuildModule::try_build(device)?;
            net.dynamics = __dv::From::from(__dv::Dynamics {
                dt: 1.0,
                tau: 4.0,
                ..__dv::Dynamics::DEFAULT
            });
            <__RichV1Tstep as __dv::Solver>::set_tau::<E, D>(&mut net.v1_tstep, 9.0);
            __dv::Ok(net)
        }
    }
    impl<
        R: Recurrence,
        const N: usize,
        E: __dv::Dtype,
        D: __dv::Device<E>,
    > __dv::TensorCollection<E, D> for RichModel<R, N, E, D>
    where
        R: Send,
    {
        type To<E2: __dv::Dtype, D2: __dv::Device<E2>> = RichModel<R, N, E2, D2>;
        fn iter_tensors<V: __dv::ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> __dv::StdResult<__dv::Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor
                .visit_fields(
                    (
                        (
                            Self::module(
                                "adaption",
                                |s| &s.adaption,
                                |s| &mut s.adaption,
                            ),
                            Self::module("retina", |s| &s.retina, |s| &mut s.retina),
                        ),
                        (
                            Self::module("v1", |s| &s.v1, |s| &mut s.v1),
                            Self::module(
                                "v1_feedback_v4",
                                |s| &s.v1_feedback_v4,
                                |s| &mut s.v1_feedback_v4,
                            ),
                            Self::module(
                                "v1_tstep",
                                |s| &s.v1_tstep,
                                |s| &mut s.v1_tstep,
                            ),
                            Self::module(
                                "v1_nonlin",
                                |s| &s.v1_nonlin,
                                |s| &mut s.v1_nonlin,
                            ),
                            Self::module("v1_norm", |s| &s.v1_norm, |s| &mut s.v1_norm),
                        ),
                        (
                            Self::module("v2", |s| &s.v2, |s| &mut s.v2),
                            Self::module(
                                "v2_addext",
                                |s| &s.v2_addext,
                                |s| &mut s.v2_addext,
                            ),
                            Self::module("v2_gain", |s| &s.v2_gain, |s| &mut s.v2_gain),
                            Self::module(
                                "v2_nonlin",
                                |s| &s.v2_nonlin,
                                |s| &mut s.v2_nonlin,
                            ),
                            Self::module(
                                "v2_supralin",
                                |s| &s.v2_supralin,
                                |s| &mut s.v2_supralin,
                            ),
                        ),
                        (
                            Self::module("v4", |s| &s.v4, |s| &mut s.v4),
                            Self::module(
                                "v4_skip_v1",
                                |s| &s.v4_skip_v1,
                                |s| &mut s.v4_skip_v1,
                            ),
                            Self::module(
                                "v4_skip_v2",
                                |s| &s.v4_skip_v2,
                                |s| &mut s.v4_skip_v2,
                            ),
                        ),
                        (
                            Self::module(
                                "classifier_skip_v2",
                                |s| &s.classifier_skip_v2,
                                |s| &mut s.classifier_skip_v2,
                            ),
                            Self::module(
                                "classifier",
                                |s| &s.classifier,
                                |s| &mut s.classifier,
                            ),
                        ),
                        Self::module("dynamics", |s| &s.dynamics, |s| &mut s.dynamics),
                    ),
                    |
                        (
                            (adaption, retina),
                            (v1, v1_feedback_v4, v1_tstep, v1_nonlin, v1_norm),
                            (v2, v2_addext, v2_gain, v2_nonlin, v2_supralin),
                            (v4, v4_skip_v1, v4_skip_v2),
                            (classifier_skip_v2, classifier),
                            dynamics,
                        )|
                    RichModel {
                        adaption,
                        retina,
                        v1: __dv::converted::<__RichV1Layer<R>, E, D, V::E2, V::D2>(v1),
                        v1_feedback_v4,
                        v1_tstep,
                        v1_nonlin,
                        v1_norm,
                        v2: __dv::converted::<__RichV2Layer<R>, E, D, V::E2, V::D2>(v2),
                        v2_addext,
                        v2_gain,
                        v2_nonlin,
                        v2_supralin,
                        v4,
                        v4_skip_v1,
                        v4_skip_v2,
                        classifier_skip_v2,
                        classifier: __dv::converted::<
                            __RichClassifierReadout<N>,
                            E,
                            D,
                            V::E2,
                            V::D2,
                        >(classifier),
                        dynamics,
                    },
                )
        }
    }
    impl<
        R: Recurrence,
        const N: usize,
        E: __dv::Element,
        D: __dv::VisionDevice<E>,
    > __dv::DynModel<E, D> for RichModel<R, N, E, D>
    where
        R: Send,
    {
        type Channels = __dv::Const<{ Rich::INPUT.c }>;
        type Height = __dv::Const<{ Rich::INPUT.h }>;
        type Width = __dv::Const<{ Rich::INPUT.w }>;
        type Classes = <__RichClassifierReadout<N> as __dv::Readout>::Classes;
        type Areas<K: __dv::Kind, B: __dv::Dim> = RichAreas<K, B, E, D>;
        const WIRING: __dv::Wiring = Rich::WIRING;
        fn dynamics(&self) -> &__dv::Dynamics {
            &self.dynamics
        }
        fn dynamics_mut(&mut self) -> &mut __dv::Dynamics {
            &mut self.dynamics
        }
        fn fresh<K: __dv::Fresh, B: __dv::Dim>() -> RichAreas<K, B, E, D> {
            RichAreas {
                input: K::fresh(),
                v1: K::fresh(),
                v2: K::fresh(),
                v4: K::fresh(),
            }
        }
        fn map<F: __dv::Kind, G: __dv::Kind, B: __dv::Dim>(
            areas: RichAreas<F, B, E, D>,
            f: &mut impl __dv::ForArea<F, G, E, D>,
        ) -> __dv::Result<RichAreas<G, B, E, D>> {
            __dv::Ok(RichAreas {
                input: f.area("input", areas.input)?,
                v1: f.area("v1", areas.v1)?,
                v2: f.area("v2", areas.v2)?,
                v4: f.area("v4", areas.v4)?,
            })
        }
        fn each<F: __dv::Kind, B: __dv::Dim>(
            areas: &RichAreas<F, B, E, D>,
            f: &mut impl __dv::EachArea<F, E, D>,
        ) -> __dv::Result<()> {
            f.area::<RichInput<B>>("input", &areas.input)?;
            f.area::<RichV1<B>>("v1", &areas.v1)?;
            f.area::<RichV2<B>>("v2", &areas.v2)?;
            f.area::<RichV4<B>>("v4", &areas.v4)?;
            __dv::Ok(())
        }
        fn advance<K: __dv::Record, B: __dv::Dim, T: __dv::Tape<E, D>>(
            &self,
            frame: __dv::Frame<Self, B, E, D>,
            state: &mut RichState<B, E, D>,
            record: &mut RichAreas<K, B, E, D>,
            cx: &mut __dv::Cx<T>,
        ) -> __dv::Result<__dv::Logits<Self, B, E, D>> {
            let (batch, ..) = *__dv::HasShape::shape(&frame);
            let x = __dv::Some(frame);
            let x = __dv::adapt::<
                __RichAdaptionPart,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.adaption, x, &mut state.input, cx)?;
            K::record(&mut record.input, x.as_ref())?;
            let x: __dv::Signal<RichRetina<B>, E, D> = __dv::see::<
                __RichRetinaPart,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.retina, x, cx)?;
            cx.enter(0usize);
            let x: __dv::Signal<RichV1<B>, E, D> = <__RichV1Layer<
                R,
            > as __dv::Layer>::step(&self.v1, __dv::fit(x, cx)?, &state.v1, cx)?;
            let x: __dv::Signal<RichV1<B>, E, D> = self
                .v1_feedback_v4
                .join(x, &state.v4, 0usize, cx)?;
            let x = __dv::tstep_nonlin::<
                __RichV1Tstep,
                __RichV1Nonlin,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v1_tstep, &self.v1_nonlin, x, &state.v1, cx)?;
            K::record(&mut record.v1, x.as_ref())?;
            let x = state.v1.delay(x, cx.area());
            let x: __dv::Signal<RichV1Pool<B>, E, D> = __dv::pool::<
                __RichV1Pool,
                _,
                _,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(x, cx)?;
            let x = __dv::apply::<
                __RichV1Norm,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v1_norm, x, batch, cx)?;
            cx.enter(1usize);
            let x = __dv::apply::<
                crate::nn::ExternalInput,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v2_addext, x, batch, cx)?;
            let x: __dv::Signal<RichV2<B>, E, D> = <__RichV2Layer<
                R,
            > as __dv::Layer>::step(&self.v2, __dv::fit(x, cx)?, &state.v2, cx)?;
            let x = __dv::apply::<
                __RichV2Gain,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v2_gain, x, batch, cx)?;
            let x = __dv::apply::<
                __RichV2Nonlin,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v2_nonlin, x, batch, cx)?;
            let x = __dv::apply::<
                __RichV2Supralin,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v2_supralin, x, batch, cx)?;
            K::record(&mut record.v2, x.as_ref())?;
            let x = state.v2.delay(x, cx.area());
            cx.enter(2usize);
            let x: __dv::Signal<RichV2<B>, E, D> = self
                .v4_skip_v1
                .join(x, &state.v1, 1usize, cx)?;
            let x: __dv::Signal<RichV2<B>, E, D> = self
                .v4_skip_v2
                .join(x, &state.v2, 2usize, cx)?;
            let x: __dv::Signal<RichV4<B>, E, D> = <__RichV4Layer as __dv::Layer>::step(
                &self.v4,
                __dv::fit(x, cx)?,
                &state.v4,
                cx,
            )?;
            K::record(&mut record.v4, x.as_ref())?;
            let x = state.v4.delay(x, cx.area());
            let x: __dv::Signal<RichV4<B>, E, D> = self
                .classifier_skip_v2
                .join(x, &state.v2, 3usize, cx)?;
            <__RichClassifierReadout<
                N,
            > as __dv::Readout>::read(&self.classifier, x, batch, cx)
        }
    }
    impl<
        R: Recurrence,
        const N: usize,
        B: __dv::Dim,
        E: __dv::Element,
        D: __dv::VisionDevice<E>,
        T: __dv::Tape<E, D>,
    > __dv::Module<__dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>>
    for RichModel<R, N, E, D>
    where
        R: Send,
    {
        type Output = __dv::LogitsInTime<Self, B, E, D, T>;
        type Error = __dv::Error;
        fn try_forward(
            &self,
            stimulus: __dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>,
        ) -> __dv::Result<Self::Output> {
            __dv::DynModel::try_run(self, stimulus)
        }
    }
    impl<
        R: Recurrence,
        const N: usize,
        E: __dv::Dtype,
        D: __dv::Device<E>,
    > __dv::NonMutableModule for RichModel<R, N, E, D>
    where
        R: Send,
    {}
};
