// Updates of parameters and clipping of gradients.
#include "common.cuh"

__device__ float root(float x) { return sqrtf(x); }
__device__ double root(double x) { return sqrt(x); }

// Each block's part of the sum of the squares, in f64.
template <typename T>
__device__ void squares(size n, const T* x, double* parts) {
    double sum = 0;
    EACH(i, n) sum += (double)x[i] * (double)x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// to = scale sum of the parts + keep to, by one block.
template <typename T>
__device__ void finish(size n, T scale, T keep, const T* parts, T* to) {
    T sum = 0;
    for (size i = threadIdx.x; i < n; i += blockDim.x) sum += parts[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) to[0] = scale * sum + (keep == T(0) ? T(0) : keep * to[0]);
}

// RMSprop: the gradient by the root of its mean square, or variance; both are brought up to date.
template <typename T>
__device__ void normalise(
    size n, T keep, T eps, T l2, int centered, const T* p, T* square, T* mean, const T* g, T* y) {
    EACH(i, n) {
        T slope = g[i] + (l2 > T(0) ? l2 * p[i] : T(0));
        T spread = square[i] = keep * square[i] + (T(1) - keep) * slope * slope;
        if (centered) {
            T middle = mean[i] = keep * mean[i] + (T(1) - keep) * slope;
            spread -= middle * middle;
            // rounding may leave a variance just below 0
            if (spread < T(0)) spread = T(0);
        }
        y[i] = slope / (root(spread) + eps);
    }
}

#define PARAMETERS(T, name) \
    extern "C" __global__ void squares_##name(size n, const T* x, double* parts) { squares(n, x, parts); } \
    extern "C" __global__ void finish_##name(size n, T scale, T keep, const T* parts, T* to) { \
        finish(n, scale, keep, parts, to); \
    } \
    extern "C" __global__ void scale_##name(size n, T factor, T* x) { EACH(i, n) x[i] *= factor; } \
    extern "C" __global__ void clamp_##name(size n, T limit, T* x) { \
        EACH(i, n) x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i]; \
    } \
    extern "C" __global__ void normalise_##name( \
        size n, T keep, T eps, T l2, int centered, const T* p, T* square, T* mean, const T* g, T* y) { \
        normalise(n, keep, eps, l2, centered, p, square, mean, g, y); \
    }
PARAMETERS(float, f32)
PARAMETERS(double, f64)
