#[allow(dead_code)]
/// Two areas.
pub struct Net<R: Recurrence = Full> {
    v1: RConv2d<3, 4, 3, 1, R>,
    v2: RConv2d<4, 6, 3, 1, R>,
    classifier: Classifier<6, 5>,
}
/// The shapes of the model: channels, rows and columns.
impl Net<Full> {
    /// A frame.
    pub const INPUT: ::dynvision::__private::Map = ::dynvision::__private::Map::new(
        3,
        16,
        16,
    );
    /// What `v1` answers.
    pub const V1: ::dynvision::__private::Map = <__NetV1Layer<
        Full,
    > as ::dynvision::__private::Layer>::TYPED
        .apply(Net::INPUT);
    /// What `v1` sends on.
    pub const V1_POOL: ::dynvision::__private::Map = <__NetV1Pool as ::dynvision::__private::Pool>::GEOMETRY
        .apply(Net::V1);
    /// What `v2` answers.
    pub const V2: ::dynvision::__private::Map = <__NetV2Layer<
        Full,
    > as ::dynvision::__private::Layer>::TYPED
        .apply(Net::V1_POOL);
    /// The areas and how they are connected.
    pub const WIRING: ::dynvision::__private::Wiring = {
        use ::dynvision::__private as __dv;
        __dv::Wiring {
            name: "Net",
            input: Net::INPUT,
            areas: &[
                __dv::Area {
                    name: "v1",
                    layer: "RConv2d<3, 4, 3, 1, R>",
                    operations: &[
                        "layer",
                        "feedback",
                        "tstep",
                        "nonlin",
                        "record",
                        "delay",
                        "pool",
                    ],
                    takes: Net::INPUT,
                    answers: Net::V1,
                    sends: Net::V1_POOL,
                    times: __dv::AreaDynamics::DEFAULT,
                },
                __dv::Area {
                    name: "v2",
                    layer: "RConv2d<4, 6, 3, 1, R>",
                    operations: &["layer", "skip", "tstep", "nonlin", "record", "delay"],
                    takes: Net::V1_POOL,
                    answers: Net::V2,
                    sends: Net::V2,
                    times: __dv::AreaDynamics {
                        tau: __dv::Option::Some(8.0),
                        ..__dv::AreaDynamics::DEFAULT
                    },
                },
            ],
            links: &[
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Feedback,
                    from: 1usize,
                    into: 0usize,
                    delay: __dv::Option::None,
                },
                __dv::LinkSpec {
                    kind: __dv::LinkKind::Skip,
                    from: 0usize,
                    into: 1usize,
                    delay: __dv::Option::None,
                },
            ],
        }
    };
}
/// What `v1` answers, in a batch: [`Net::V1`].
pub type NetV1<B> = (
    B,
    ::dynvision::__private::Const<{ Net::V1.c }>,
    ::dynvision::__private::Const<{ Net::V1.h }>,
    ::dynvision::__private::Const<{ Net::V1.w }>,
);
/// What `v1` sends on, in a batch: [`Net::V1_POOL`].
pub type NetV1Pool<B> = (
    B,
    ::dynvision::__private::Const<{ Net::V1_POOL.c }>,
    ::dynvision::__private::Const<{ Net::V1_POOL.h }>,
    ::dynvision::__private::Const<{ Net::V1_POOL.w }>,
);
/// What `v2` answers, in a batch: [`Net::V2`].
pub type NetV2<B> = (
    B,
    ::dynvision::__private::Const<{ Net::V2.c }>,
    ::dynvision::__private::Const<{ Net::V2.h }>,
    ::dynvision::__private::Const<{ Net::V2.w }>,
);
#[doc(hidden)]
type __NetV1Layer<R> = ::dynvision::__private::Part<
    RConv2d<3, 4, 3, 1, R>,
    { ::dynvision::__private::is!(Layer, RConv2d < 3, 4, 3, 1, Full >) },
>;
#[doc(hidden)]
type __NetV1Pool = ::dynvision::__private::Part<
    MaxPool2d<3, 2, 1>,
    { ::dynvision::__private::is!(Pool, MaxPool2d < 3, 2, 1 >) },
>;
#[doc(hidden)]
type __NetV2Layer<R> = ::dynvision::__private::Part<
    RConv2d<4, 6, 3, 1, R>,
    { ::dynvision::__private::is!(Layer, RConv2d < 4, 6, 3, 1, Full >) },
>;
#[doc(hidden)]
type __NetClassifierReadout = ::dynvision::__private::Part<
    Classifier<6, 5>,
    { ::dynvision::__private::is!(Readout, Classifier < 6, 5 >) },
>;
/// The weights of a [`Net`], in one dtype on one device.
#[derive(::dynvision::__private::Clone, ::dynvision::__private::Debug)]
pub struct NetModel<
    R: Recurrence,
    E: ::dynvision::__private::Dtype,
    D: ::dynvision::__private::Device<E>,
> {
    /// The layer of `v1`.
    pub v1: ::dynvision::__private::Built<__NetV1Layer<R>, E, D>,
    /// The feedback from `v2` into `v1`.
    pub v1_feedback_v2: ::dynvision::__private::Built<
        ::dynvision::__private::Link<{ Net::V2.c }, { Net::V1.c }>,
        E,
        D,
    >,
    /// What `tstep` runs in `v1`.
    pub v1_tstep: ::dynvision::__private::Built<::dynvision::nn::Euler, E, D>,
    /// What `nonlin` runs in `v1`.
    pub v1_nonlin: ::dynvision::__private::Built<::dynvision::nn::Relu, E, D>,
    /// The layer of `v2`.
    pub v2: ::dynvision::__private::Built<__NetV2Layer<R>, E, D>,
    /// The skip from `v1` into `v2`.
    pub v2_skip_v1: ::dynvision::__private::Built<
        ::dynvision::__private::Link<{ Net::V1.c }, { Net::V2.c }>,
        E,
        D,
    >,
    /// What `tstep` runs in `v2`.
    pub v2_tstep: ::dynvision::__private::Built<::dynvision::nn::Euler, E, D>,
    /// What `nonlin` runs in `v2`.
    pub v2_nonlin: ::dynvision::__private::Built<::dynvision::nn::Relu, E, D>,
    /// The readout.
    pub classifier: ::dynvision::__private::Built<__NetClassifierReadout, E, D>,
    /// The time constants.
    pub dynamics: ::dynvision::__private::Setting<::dynvision::__private::Dynamics>,
}
/// What is kept of each area of [`Net`]: see [`NetState`] and [`NetResponses`].
#[derive(::dynvision::__private::Clone, ::dynvision::__private::Debug)]
pub struct NetAreas<
    K: ::dynvision::__private::Kind,
    B: ::dynvision::__private::Dim,
    E: ::dynvision::__private::Dtype,
    D: ::dynvision::__private::Device<E>,
> {
    /// Of `v1`: [`Net::V1`] for each image.
    pub v1: K::Of<NetV1<B>, E, D>,
    /// Of `v2`: [`Net::V2`] for each image.
    pub v2: K::Of<NetV2<B>, E, D>,
}
/// What each area remembers.
pub type NetState<B, E, D> = NetAreas<::dynvision::__private::Past, B, E, D>;
/// What each area answered over time.
pub type NetResponses<B, E, D> = NetAreas<::dynvision::__private::Run, B, E, D>;
const _: () = {
    use ::dynvision::__private as __dv;
    const _: __dv::Geometry = <RConv2d<3, 4, 3, 1, Full> as __dv::Layer>::GEOMETRY;
    const _: __dv::Geometry = <MaxPool2d<3, 2, 1> as __dv::Pool>::GEOMETRY;
    const _: __dv::Geometry = <RConv2d<4, 6, 3, 1, Full> as __dv::Layer>::GEOMETRY;
    const _: __dv::Features = <Classifier<6, 5> as __dv::Readout>::FEATURES;
    const _: () = __dv::check_layer::<__NetV1Layer<Full>>("v1", "the frame", Net::INPUT);
    const _: () = __dv::check_pool::<__NetV1Pool>("v1", Net::V1);
    const _: () = __dv::check_layer::<__NetV2Layer<Full>>("v2", "`v1`", Net::V1_POOL);
    const _: () = __dv::check_readout::<
        __NetClassifierReadout,
    >("classifier", "`v2`", Net::V2);
    impl<R: Recurrence, E: __dv::Dtype, D: __dv::Device<E>> __dv::BuildOnDevice<D, E>
    for Net<R> {
        type Built = NetModel<R, E, D>;
        fn try_build_on_device(device: &D) -> __dv::StdResult<Self::Built, D::Err> {
            const {
                __dv::check_same(
                    "v1",
                    <__NetV1Layer<R> as __dv::Layer>::GEOMETRY,
                    <__NetV1Layer<Full> as __dv::Layer>::GEOMETRY,
                )
            };
            const {
                __dv::check_same(
                    "v2",
                    <__NetV2Layer<R> as __dv::Layer>::GEOMETRY,
                    <__NetV2Layer<Full> as __dv::Layer>::GEOMETRY,
                )
            };
            let mut net: Self::Built = __dv::BuildModule::try_build(device)?;
            net.dynamics = __dv::From::from(__dv::Dynamics::DEFAULT);
            <::dynvision::nn::Euler as __dv::Solver>::set_tau::<
                E,
                D,
            >(&mut net.v1_tstep, net.dynamics.tau);
            <::dynvision::nn::Euler as __dv::Solver>::set_tau::<
                E,
                D,
            >(&mut net.v2_tstep, 8.0);
            __dv::Ok(net)
        }
    }
    impl<R: Recurrence, E: __dv::Dtype, D: __dv::Device<E>> __dv::TensorCollection<E, D>
    for NetModel<R, E, D> {
        type To<E2: __dv::Dtype, D2: __dv::Device<E2>> = NetModel<R, E2, D2>;
        fn iter_tensors<V: __dv::ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> __dv::StdResult<__dv::Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor
                .visit_fields(
                    (
                        (
                            Self::module("v1", |s| &s.v1, |s| &mut s.v1),
                            Self::module(
                                "v1_feedback_v2",
                                |s| &s.v1_feedback_v2,
                                |s| &mut s.v1_feedback_v2,
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
                        ),
                        (
                            Self::module("v2", |s| &s.v2, |s| &mut s.v2),
                            Self::module(
                                "v2_skip_v1",
                                |s| &s.v2_skip_v1,
                                |s| &mut s.v2_skip_v1,
                            ),
                            Self::module(
                                "v2_tstep",
                                |s| &s.v2_tstep,
                                |s| &mut s.v2_tstep,
                            ),
                            Self::module(
                                "v2_nonlin",
                                |s| &s.v2_nonlin,
                                |s| &mut s.v2_nonlin,
                            ),
                        ),
                        Self::module(
                            "classifier",
                            |s| &s.classifier,
                            |s| &mut s.classifier,
                        ),
                        Self::module("dynamics", |s| &s.dynamics, |s| &mut s.dynamics),
                    ),
                    |
                        (
                            (v1, v1_feedback_v2, v1_tstep, v1_nonlin),
                            (v2, v2_skip_v1, v2_tstep, v2_nonlin),
                            classifier,
                            dynamics,
                        )|
                    NetModel {
                        v1: __dv::converted::<__NetV1Layer<R>, E, D, V::E2, V::D2>(v1),
                        v1_feedback_v2,
                        v1_tstep,
                        v1_nonlin,
                        v2: __dv::converted::<__NetV2Layer<R>, E, D, V::E2, V::D2>(v2),
                        v2_skip_v1,
                        v2_tstep,
                        v2_nonlin,
                        classifier,
                        dynamics,
                    },
                )
        }
    }
    impl<R: Recurrence, E: __dv::Element, D: __dv::VisionDevice<E>> __dv::DynModel<E, D>
    for NetModel<R, E, D> {
        type Channels = __dv::Const<{ Net::INPUT.c }>;
        type Height = __dv::Const<{ Net::INPUT.h }>;
        type Width = __dv::Const<{ Net::INPUT.w }>;
        type Classes = <__NetClassifierReadout as __dv::Readout>::Classes;
        type Areas<K: __dv::Kind, B: __dv::Dim> = NetAreas<K, B, E, D>;
        const WIRING: __dv::Wiring = Net::WIRING;
        fn dynamics(&self) -> &__dv::Dynamics {
            &self.dynamics
        }
        fn dynamics_mut(&mut self) -> &mut __dv::Dynamics {
            &mut self.dynamics
        }
        fn fresh<K: __dv::Fresh, B: __dv::Dim>() -> NetAreas<K, B, E, D> {
            NetAreas {
                v1: K::fresh(),
                v2: K::fresh(),
            }
        }
        fn map<F: __dv::Kind, G: __dv::Kind, B: __dv::Dim>(
            areas: NetAreas<F, B, E, D>,
            f: &mut impl __dv::ForArea<F, G, E, D>,
        ) -> __dv::Result<NetAreas<G, B, E, D>> {
            __dv::Ok(NetAreas {
                v1: f.area("v1", areas.v1)?,
                v2: f.area("v2", areas.v2)?,
            })
        }
        fn each<F: __dv::Kind, B: __dv::Dim>(
            areas: &NetAreas<F, B, E, D>,
            f: &mut impl __dv::EachArea<F, E, D>,
        ) -> __dv::Result<()> {
            f.area::<NetV1<B>>("v1", &areas.v1)?;
            f.area::<NetV2<B>>("v2", &areas.v2)?;
            __dv::Ok(())
        }
        fn advance<K: __dv::Record, B: __dv::Dim, T: __dv::Tape<E, D>>(
            &self,
            frame: __dv::Frame<Self, B, E, D>,
            state: &mut NetState<B, E, D>,
            record: &mut NetAreas<K, B, E, D>,
            cx: &mut __dv::Cx<T>,
        ) -> __dv::Result<__dv::Logits<Self, B, E, D>> {
            let (batch, ..) = *__dv::HasShape::shape(&frame);
            let x = __dv::Some(frame);
            cx.enter(0usize);
            let x: __dv::Signal<NetV1<B>, E, D> = <__NetV1Layer<
                R,
            > as __dv::Layer>::step(&self.v1, __dv::fit(x, cx)?, &state.v1, cx)?;
            let x: __dv::Signal<NetV1<B>, E, D> = self
                .v1_feedback_v2
                .join(x, &state.v2, 0usize, cx)?;
            let x = __dv::tstep_nonlin::<
                ::dynvision::nn::Euler,
                ::dynvision::nn::Relu,
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
            let x: __dv::Signal<NetV1Pool<B>, E, D> = __dv::pool::<
                __NetV1Pool,
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
            cx.enter(1usize);
            let x: __dv::Signal<NetV2<B>, E, D> = <__NetV2Layer<
                R,
            > as __dv::Layer>::step(&self.v2, __dv::fit(x, cx)?, &state.v2, cx)?;
            let x: __dv::Signal<NetV2<B>, E, D> = self
                .v2_skip_v1
                .join(x, &state.v1, 1usize, cx)?;
            let x = __dv::tstep_nonlin::<
                ::dynvision::nn::Euler,
                ::dynvision::nn::Relu,
                _,
                _,
                _,
                _,
                E,
                D,
                T,
            >(&self.v2_tstep, &self.v2_nonlin, x, &state.v2, cx)?;
            K::record(&mut record.v2, x.as_ref())?;
            let x = state.v2.delay(x, cx.area());
            <__NetClassifierReadout as __dv::Readout>::read(
                &self.classifier,
                x,
                batch,
                cx,
            )
        }
    }
    impl<
        R: Recurrence,
        B: __dv::Dim,
        E: __dv::Element,
        D: __dv::VisionDevice<E>,
        T: __dv::Tape<E, D>,
    > __dv::Module<__dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>>
    for NetModel<R, E, D> {
        type Output = __dv::LogitsInTime<Self, B, E, D, T>;
        type Error = __dv::Error;
        fn try_forward(
            &self,
            stimulus: __dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>,
        ) -> __dv::Result<Self::Output> {
            __dv::DynModel::try_run(self, stimulus)
        }
    }
    impl<R: Recurrence, E: __dv::Dtype, D: __dv::Device<E>> __dv::NonMutableModule
    for NetModel<R, E, D> {}
};
