#[allow(dead_code)]
struct Small {
    v1: __TypeOfSmallV1Layer,
    head: __TypeOfSmallHeadReadout,
}
/// The shapes of the model: channels, rows and columns.
impl Small {
    /// A frame.
    const INPUT: ::dynvision::__private::Map = ::dynvision::__private::Map {
        c: 1,
        h: 8,
        w: 8,
    };
    /// The response of `v1`.
    const V1: ::dynvision::__private::Map = <__SmallV1Layer as ::dynvision::__private::Layer>::GEOMETRY
        .apply(Small::INPUT);
    /// The areas and how they are connected.
    const WIRING: ::dynvision::__private::Wiring = {
        use ::dynvision::__private as __dv;
        __dv::Wiring {
            name: "Small",
            input: Small::INPUT,
            areas: &[
                __dv::Area {
                    name: "v1",
                    layer: "RConv2d<1, 4>",
                    operations: &["layer", "record", "delay"],
                    input: Small::INPUT,
                    response: Small::V1,
                    output: Small::V1,
                    times: __dv::AreaDynamics::DEFAULT,
                    numbers: &[],
                },
            ],
            links: &[],
        }
    };
}
/// The response of `v1`, in a batch: [`Small::V1`].
type SmallV1<B> = (
    B,
    ::dynvision::__private::Const<{ Small::V1.c }>,
    ::dynvision::__private::Const<{ Small::V1.h }>,
    ::dynvision::__private::Const<{ Small::V1.w }>,
);
#[doc(hidden)]
type __MapOfSmallV1<B> = (
    B,
    ::dynvision::__private::Const<{ Small::V1.c }>,
    ::dynvision::__private::Const<{ Small::V1.h }>,
    ::dynvision::__private::Const<{ Small::V1.w }>,
);
type __TypeOfSmallV1Layer = RConv2d<1, 4>;
#[doc(hidden)]
type __SmallV1Layer = ::dynvision::__private::Part<
    __TypeOfSmallV1Layer,
    {
        #[allow(unused_imports)]
        use ::dynvision::__private::Not as _;
        ::dynvision::__private::IsLayer::<__TypeOfSmallV1Layer>::YES
    },
>;
type __TypeOfSmallHeadReadout = Classifier<4, 2>;
#[doc(hidden)]
type __SmallHeadReadout = ::dynvision::__private::Part<
    __TypeOfSmallHeadReadout,
    {
        #[allow(unused_imports)]
        use ::dynvision::__private::Not as _;
        ::dynvision::__private::IsReadout::<__TypeOfSmallHeadReadout>::YES
    },
>;
/// The weights of a [`Small`], in one dtype on one device.
#[doc(hidden)]
#[derive(::dynvision::__private::Clone, ::dynvision::__private::Debug)]
struct ModelOfSmall<
    E: ::dynvision::__private::Dtype,
    D: ::dynvision::__private::Device<E>,
> {
    /// The layer of `v1`.
    v1: ::dynvision::__private::Built<__SmallV1Layer, E, D>,
    /// The readout.
    head: ::dynvision::__private::Built<__SmallHeadReadout, E, D>,
    /// The time constants.
    dynamics: ::dynvision::__private::Setting<::dynvision::__private::Dynamics>,
}
/// The weights of a [`Small`], in one dtype on one device.
type SmallModel<E, D> = ModelOfSmall<E, D>;
/// What is held of each area of [`Small`]: see [`SmallState`] and [`SmallResponses`].
#[doc(hidden)]
#[derive(::dynvision::__private::Clone, ::dynvision::__private::Debug)]
struct AreasOfSmall<
    K: ::dynvision::__private::PerArea,
    B: ::dynvision::__private::Dim,
    E: ::dynvision::__private::Dtype,
    D: ::dynvision::__private::Device<E>,
> {
    /// Of `v1`: [`Small::V1`] for each image.
    v1: K::Value<__MapOfSmallV1<B>, E, D>,
}
/// What is held of each area of [`Small`]: see [`SmallState`] and [`SmallResponses`].
type SmallAreas<K, B, E, D> = AreasOfSmall<K, B, E, D>;
/// What each area remembers.
type SmallState<B, E, D> = AreasOfSmall<::dynvision::__private::State, B, E, D>;
/// The responses of each area over time.
type SmallResponses<B, E, D> = AreasOfSmall<::dynvision::__private::Stacked, B, E, D>;
const _: () = {
    use ::dynvision::__private as __dv;
    const _: __dv::Geometry = <__TypeOfSmallV1Layer as __dv::Layer>::GEOMETRY;
    const _: __dv::Features = <__TypeOfSmallHeadReadout as __dv::Readout>::FEATURES;
    const _: () = __dv::check_frame(Small::INPUT);
    const _: () = __dv::check_layer::<__SmallV1Layer>("v1", "the frame", Small::INPUT);
    const _: () = __dv::check_readout::<__SmallHeadReadout>("head", "`v1`", Small::V1);
    impl<E: __dv::Dtype, D: __dv::Device<E>> __dv::BuildOnDevice<D, E> for Small {
        type Built = ModelOfSmall<E, D>;
        fn try_build_on_device(device: &D) -> __dv::StdResult<Self::Built, D::Err> {
            let mut net: Self::Built = __dv::BuildModule::try_build(device)?;
            net.dynamics = __dv::From::from(__dv::Dynamics::DEFAULT);
            __dv::Ok(net)
        }
    }
    impl<E: __dv::Dtype, D: __dv::Device<E>> __dv::TensorCollection<E, D>
    for ModelOfSmall<E, D> {
        type To<E2: __dv::Dtype, D2: __dv::Device<E2>> = ModelOfSmall<E2, D2>;
        fn iter_tensors<V: __dv::ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> __dv::StdResult<__dv::Option<Self::To<V::E2, V::D2>>, V::Err> {
            visitor
                .visit_fields(
                    (
                        Self::module("v1", |s| &s.v1, |s| &mut s.v1),
                        Self::module("head", |s| &s.head, |s| &mut s.head),
                        Self::module("dynamics", |s| &s.dynamics, |s| &mut s.dynamics),
                    ),
                    |(v1, head, dynamics)| ModelOfSmall { v1, head, dynamics },
                )
        }
    }
    impl<E: __dv::Element, D: __dv::VisionDevice<E>> __dv::GeneratedModel<E, D>
    for ModelOfSmall<E, D> {
        type Channels = __dv::Const<{ Small::INPUT.c }>;
        type Height = __dv::Const<{ Small::INPUT.h }>;
        type Width = __dv::Const<{ Small::INPUT.w }>;
        type Classes = <__SmallHeadReadout as __dv::Readout>::Classes;
        type Areas<K: __dv::PerArea, B: __dv::Dim> = AreasOfSmall<K, B, E, D>;
        const WIRING: __dv::Wiring = Small::WIRING;
        fn get_dynamics(&self) -> &__dv::Dynamics {
            &self.dynamics
        }
        fn get_dynamics_mut(&mut self) -> &mut __dv::Dynamics {
            &mut self.dynamics
        }
        fn initial<K: __dv::Initial, B: __dv::Dim>() -> AreasOfSmall<K, B, E, D> {
            AreasOfSmall { v1: K::initial() }
        }
        fn map_areas<F: __dv::PerArea, G: __dv::PerArea, B: __dv::Dim>(
            areas: AreasOfSmall<F, B, E, D>,
            f: &mut impl __dv::MapAreas<F, G, E, D>,
        ) -> __dv::Result<AreasOfSmall<G, B, E, D>> {
            __dv::Ok(AreasOfSmall {
                v1: f.area("v1", areas.v1)?,
            })
        }
        fn visit_areas<F: __dv::PerArea, B: __dv::Dim>(
            areas: &AreasOfSmall<F, B, E, D>,
            f: &mut impl __dv::VisitAreas<F, E, D>,
        ) -> __dv::Result<()> {
            f.area::<__MapOfSmallV1<B>>("v1", &areas.v1)?;
            __dv::Ok(())
        }
        fn advance<K: __dv::Observer, B: __dv::Dim, T: __dv::Tape<E, D>>(
            &self,
            frame: __dv::Frame<Self, B, E, D>,
            state: &mut AreasOfSmall<__dv::State, B, E, D>,
            observed: &mut AreasOfSmall<K, B, E, D>,
            cx: &mut __dv::Context<E, D, T>,
        ) -> __dv::Result<__dv::Logits<Self, B, E, D>> {
            let device = __dv::Clone::clone(frame.device());
            let x = __dv::begin(frame, cx);
            let x: __dv::Signal<__MapOfSmallV1<B>, E, D> = {
                let x = __dv::erase(x)?;
                __dv::enter(0usize, &state.v1, cx);
                let x = __dv::layer::<
                    __SmallV1Layer,
                    E,
                    D,
                    T,
                >(&self.v1, x, Small::INPUT, &state.v1, cx)?;
                K::observe::<__MapOfSmallV1<B>, E, D>(&mut observed.v1, x.as_ref())?;
                let x = __dv::delay::<K, _, _, _, _>(&mut state.v1, x, cx)?;
                __dv::leave::<K, _, _, _, _>(&mut state.v1, &mut observed.v1, cx)?;
                __dv::restore("the output of `v1`", x)?
            };
            let x = __dv::erase(x)?;
            __dv::readout::<__SmallHeadReadout, B, E, D, T>(&self.head, x, &device, cx)
        }
    }
    impl<
        B: __dv::Dim,
        E: __dv::Element,
        D: __dv::VisionDevice<E>,
        T: __dv::Tape<E, D>,
    > __dv::Module<__dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>>
    for ModelOfSmall<E, D> {
        type Output = __dv::LogitsInTime<Self, B, E, D, T>;
        type Error = __dv::Error;
        fn try_forward(
            &self,
            stimulus: __dv::Stimulus<__dv::FrameShape<Self, B, E, D>, E, D, T>,
        ) -> __dv::Result<Self::Output> {
            __dv::DynModel::try_run(self, stimulus)
        }
    }
    impl<E: __dv::Dtype, D: __dv::Device<E>> __dv::NonMutableModule
    for ModelOfSmall<E, D> {}
};
