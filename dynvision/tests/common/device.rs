//! The device that tests run on: the one that the crate is built for. With the feature `cuda`, the same tests that hold for
//! the CPU hold for CUDA.

/// The device.
pub(crate) type Dev = dynvision::device::Auto;

/// Opens it.
#[cfg(not(feature = "cuda"))]
pub(crate) fn device() -> Dev {
    Dev::default()
}

/// Opens it once, for all tests: kernels are compiled and loaded into a device one by one, as they are needed.
#[cfg(feature = "cuda")]
pub(crate) fn device() -> Dev {
    struct Shared(Dev);
    // SAFETY: what keeps dfdx's device from being sent is the handle of its second stream, a pointer that is only given to the
    // driver, which any thread may call; everything else in it is behind locks.
    #[allow(unsafe_code)]
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    #[allow(unsafe_code)]
    unsafe impl Sync for Shared {}
    static DEVICE: std::sync::OnceLock<Shared> = std::sync::OnceLock::new();
    DEVICE.get_or_init(|| Shared(seeded(0))).0.clone()
}

/// Opens it with a seed of its own.
#[allow(dead_code, reason = "not every test draws numbers")]
pub(crate) fn seeded(seed: u64) -> Dev {
    dynvision::device::auto(seed).unwrap()
}

/// How many of a test's cases are tried: all, or where each is a hundred launches, one in sixteen.
#[allow(dead_code, reason = "not every test draws cases")]
pub(crate) fn share(cases: u32) -> u32 {
    if cfg!(feature = "cuda") { cases.div_ceil(16) } else { cases }
}
