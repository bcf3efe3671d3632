// Operations on each element by itself.
#include "common.cuh"

__device__ float power(float x, float n) { return powf(x, n); }
__device__ double power(double x, double n) { return pow(x, n); }
__device__ float tanh_of(float x) { return tanhf(x); }
__device__ double tanh_of(double x) { return tanh(x); }

// k sign(x) max(|x|, 1e-6)^n of x clamped to +-1e6; 0 at 0.
template <typename T>
__device__ T supralinear(T k, T n, T x) {
    if (x == T(0)) return T(0);
    T size_of = x < T(0) ? -x : x;
    // NaN is no smaller and no larger
    if (size_of < T(1e-6)) size_of = T(1e-6);
    if (size_of > T(1e6)) size_of = T(1e6);
    return power(size_of, n) * (x < T(0) ? -k : k);
}

// Its slope: zero where x is clamped. Compared as PyTorch does, in f64: the f32 next to 1e-6 is below it.
template <typename T>
__device__ T supralinear_slope(T k, T n, T x) {
    T size_of = x < T(0) ? -x : x;
    if ((double)size_of < 1e-6 || (double)size_of > 1e6) return T(0);
    return k * n * power(size_of, n - T(1));
}

#define POINTWISE(T, name) \
    extern "C" __global__ void add_##name(size n, const T* a, const T* b, T* y) { \
        EACH(i, n) y[i] = a[i] + b[i]; \
    } \
    extern "C" __global__ void accumulate_##name(size n, T scale, const T* from, T* into) { \
        EACH(i, n) into[i] += scale * from[i]; \
    } \
    extern "C" __global__ void relu_##name(size n, const T* x, T* y) { \
        EACH(i, n) y[i] = x[i] <= T(0) ? T(0) : x[i]; \
    } \
    extern "C" __global__ void relu_backward_##name(size n, const T* y, T* g) { \
        EACH(i, n) if (y[i] <= T(0)) g[i] = T(0); \
    } \
    extern "C" __global__ void gain_##name(size n, const T* x, const T* h, T* y) { \
        EACH(i, n) y[i] = x[i] * (T(1) + tanh_of(h[i])); \
    } \
    extern "C" __global__ void gain_backward_##name(size n, const T* x, const T* h, const T* gy, T* gx, T* gh) { \
        EACH(i, n) { \
            T t = tanh_of(h[i]); \
            gx[i] += gy[i] * (T(1) + t); \
            gh[i] += gy[i] * x[i] * (T(1) - t * t); \
        } \
    } \
    extern "C" __global__ void supralinear_##name(size n, T k, T power, const T* x, T* y) { \
        EACH(i, n) y[i] = supralinear(k, power, x[i]); \
    } \
    extern "C" __global__ void supralinear_backward_##name(size n, T k, T power, const T* x, const T* gy, T* gx) { \
        EACH(i, n) gx[i] += gy[i] * supralinear_slope(k, power, x[i]); \
    }
POINTWISE(float, f32)
POINTWISE(double, f64)
