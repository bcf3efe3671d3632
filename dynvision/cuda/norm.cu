// Normalisation over blocks of units: of a group of channels of one image, or of one channel of all images.
#include "common.cuh"

struct Sizes {
    size batch, channels, units, blocks, over_batch;
};

__device__ size len_of(Sizes s) { return s.batch * s.channels * s.units / s.blocks; }

// Where unit j of block k lies.
__device__ size unit_of(size k, size j, Sizes s) {
    return s.over_batch ? (j / s.units * s.channels + k) * s.units + j % s.units : k * len_of(s) + j;
}

__device__ size channel_of(size i, Sizes s) { return i / s.units % s.channels; }

__device__ size block_of(size i, Sizes s) { return s.over_batch ? channel_of(i, s) : i / len_of(s); }

__device__ float root(float x) { return sqrtf(x); }
__device__ double root(double x) { return sqrt(x); }

// A block of threads for each block of units; the variance is not corrected for the sample.
template <typename T>
__device__ void moments(Sizes s, const T* x, T* mean, T* variance) {
    size k = blockIdx.x, len = len_of(s);
    T sum = 0;
    for (size j = threadIdx.x; j < len; j += blockDim.x) sum += x[unit_of(k, j, s)];
    T middle = block_sum(sum) / T(len);
    sum = 0;
    for (size j = threadIdx.x; j < len; j += blockDim.x) {
        T off = x[unit_of(k, j, s)] - middle;
        sum += off * off;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        mean[k] = middle;
        variance[k] = sum / T(len);
    }
}

template <typename T>
__device__ void normalize(
    size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* b, T* y) {
    EACH(i, n) {
        size k = block_of(i, s), c = channel_of(i, s);
        y[i] = (x[i] - mean[k]) / root(variance[k] + eps) * w[c] + b[c];
    }
}

// For each block, the sums of gy w and of gy w times the normalised x.
template <typename T>
__device__ void sums(Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, T* of) {
    size k = blockIdx.x, len = len_of(s);
    T scale = T(1) / root(variance[k] + eps), plain = 0, normal = 0;
    for (size j = threadIdx.x; j < len; j += blockDim.x) {
        size i = unit_of(k, j, s);
        T g = gy[i] * w[channel_of(i, s)];
        plain += g;
        normal += g * (x[i] - mean[k]) * scale;
    }
    plain = block_sum(plain);
    normal = block_sum(normal);
    if (threadIdx.x == 0) {
        of[2 * k] = plain;
        of[2 * k + 1] = normal;
    }
}

// Where `of` is given, the moments are those of x, and pass gradients back as well.
template <typename T>
__device__ void backward(
    size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, const T* of, T* gx) {
    EACH(i, n) {
        size k = block_of(i, s);
        T scale = T(1) / root(variance[k] + eps), g = gy[i] * w[channel_of(i, s)];
        if (of) {
            T len = T(len_of(s));
            g -= (of[2 * k] + (x[i] - mean[k]) * scale * of[2 * k + 1]) / len;
        }
        gx[i] += g * scale;
    }
}

// A block of threads for each channel: the gradients of its weight and bias.
template <typename T>
__device__ void channels(Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* gy, T* gw, T* gb) {
    size c = blockIdx.x;
    T weight = 0, bias = 0;
    for (size j = threadIdx.x; j < s.batch * s.units; j += blockDim.x) {
        size i = (j / s.units * s.channels + c) * s.units + j % s.units, k = block_of(i, s);
        weight += gy[i] * (x[i] - mean[k]) / root(variance[k] + eps);
        bias += gy[i];
    }
    weight = block_sum(weight);
    bias = block_sum(bias);
    if (threadIdx.x == 0) {
        gw[c] += weight;
        gb[c] += bias;
    }
}

#define NORM(T, name) \
    extern "C" __global__ void moments_##name(Sizes s, const T* x, T* mean, T* variance) { \
        moments(s, x, mean, variance); \
    } \
    extern "C" __global__ void normalize_##name( \
        size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* b, T* y) { \
        normalize(n, s, eps, x, mean, variance, w, b, y); \
    } \
    extern "C" __global__ void norm_sums_##name( \
        Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, T* of) { \
        sums(s, eps, x, mean, variance, w, gy, of); \
    } \
    extern "C" __global__ void norm_backward_##name( \
        size n, Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* w, const T* gy, const T* of, \
        T* gx) { \
        backward(n, s, eps, x, mean, variance, w, gy, of, gx); \
    } \
    extern "C" __global__ void norm_channels_##name( \
        Sizes s, T eps, const T* x, const T* mean, const T* variance, const T* gy, T* gw, T* gb) { \
        channels(s, eps, x, mean, variance, gy, gw, gb); \
    }
NORM(float, f32)
NORM(double, f64)
