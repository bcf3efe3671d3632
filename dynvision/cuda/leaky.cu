// The leaky step y = h + rate (x - h), rectified or not; an absent h is zero.
#include "common.cuh"

// NaN passes a rectification.
template <typename T>
__device__ T stepped(T rate, T x, T h, int relu) {
    T y = h + rate * (x - h);
    return relu && y <= T(0) ? T(0) : y;
}

template <typename T>
__device__ void forward(size n, T rate, int relu, const T* x, const T* h, T* y) {
    EACH(i, n) y[i] = stepped(rate, x[i], h ? h[i] : T(0), relu);
}

// Turns g, the gradient of y, into that of x, and adds that of h to gh.
template <typename T>
__device__ void backward(size n, T rate, const T* y, T* g, T* gh) {
    EACH(i, n) {
        T gy = y && y[i] <= T(0) ? T(0) : g[i];
        g[i] = rate * gy;
        if (gh) gh[i] += (T(1) - rate) * gy;
    }
}

// Each block's part of the gradient of the rate: the sum of gy (x - h) where y is not cut off.
template <typename T>
__device__ void backward_rate(size n, const T* x, const T* h, const T* y, const T* gy, T* parts) {
    T sum = 0;
    EACH(i, n) {
        if (!(y && y[i] <= T(0))) sum += gy[i] * (x[i] - (h ? h[i] : T(0)));
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// to += scale sum of the parts, by one block.
template <typename T>
__device__ void rate(size n, T scale, const T* parts, T* to) {
    T sum = 0;
    for (size i = threadIdx.x; i < n; i += blockDim.x) sum += parts[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) to[0] += scale * sum;
}

#define LEAKY(T, name) \
    extern "C" __global__ void leaky_##name(size n, T rate, int relu, const T* x, const T* h, T* y) { \
        forward(n, rate, relu, x, h, y); \
    } \
    extern "C" __global__ void leaky_backward_##name(size n, T rate, const T* y, T* g, T* gh) { \
        backward(n, rate, y, g, gh); \
    } \
    extern "C" __global__ void leaky_backward_rate_##name( \
        size n, const T* x, const T* h, const T* y, const T* gy, T* parts) { \
        backward_rate(n, x, h, y, gy, parts); \
    } \
    extern "C" __global__ void leaky_rate_##name(size n, T scale, const T* parts, T* to) { rate(n, scale, parts, to); }
LEAKY(float, f32)
LEAKY(double, f64)
