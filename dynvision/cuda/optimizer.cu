// Updates of many parameters in one launch, clipping of many gradients in one, running moments of many norms in two. Every rounding is written out, so that no
// product is fused with a sum: updated numbers are the CPU's, bit by bit.
#include "common.cuh"

// One tensor of many: its length, the first block that works on it, where it is written to and where it and its parts lie, and the
// factors of its update.
struct Part {
    size n, first, o, p, a, b, c, g;
    double f[9];
};

// As many as kernels take as a parameter; the blocks of one follow those of the one before.
struct Table {
    size count;
    Part parts[29];
};

// Elements that a block works on.
#define CHUNK 4096

__device__ float mul(float x, float y) { return __fmul_rn(x, y); }
__device__ double mul(double x, double y) { return __dmul_rn(x, y); }
__device__ float add(float x, float y) { return __fadd_rn(x, y); }
__device__ double add(double x, double y) { return __dadd_rn(x, y); }
__device__ float over(float x, float y) { return __fdiv_rn(x, y); }
__device__ double over(double x, double y) { return __ddiv_rn(x, y); }
__device__ float root(float x) { return __fsqrt_rn(x); }
__device__ double root(double x) { return __dsqrt_rn(x); }

// The tensor of this block.
__device__ const Part& part_of(const Table& t) {
    size i = 0;
    while (i + 1 < t.count && blockIdx.x >= t.parts[i + 1].first) i++;
    return t.parts[i];
}

// Each element of this block's chunk.
#define EACH_OF(i, part) \
    for (size i = (blockIdx.x - (part).first) * CHUNK + threadIdx.x, \
              end = (i - threadIdx.x) + CHUNK < (part).n ? (i - threadIdx.x) + CHUNK : (part).n; \
         i < end; i += blockDim.x)

// f: weight decay, what is kept of the moments, what is added to them, rate, correction, eps, what decay leaves.
template <typename T>
__device__ void adam(const Table& t) {
    const Part& q = part_of(t);
    T *o = (T*)q.o, *m = (T*)q.a, *v = (T*)q.b;
    const T *p = (const T*)q.p, *g = (const T*)q.g;
    T l2 = q.f[0], keep1 = q.f[1], keep2 = q.f[2], take1 = q.f[3], take2 = q.f[4];
    T rate = q.f[5], correction = q.f[6], eps = q.f[7], left = q.f[8];
    EACH_OF(i, q) {
        T x = p[i], slope = add(g[i], mul(l2, x));
        T first = m[i] = add(mul(keep1, m[i]), mul(take1, slope));
        T second = v[i] = add(mul(keep2, v[i]), mul(take2, mul(slope, slope)));
        o[i] = add(mul(left, x), -over(mul(rate, first), add(mul(root(second), correction), eps)));
    }
}

// The step of gradient descent, and what decay leaves; without momentum the velocity is neither read nor written.
template <typename T>
__device__ T descended(T x, T slope, T* v, T momentum, bool nesterov, T lr, T left) {
    if (momentum != T(0)) {
        T velocity = *v = add(mul(momentum, *v), slope);
        slope = nesterov ? add(slope, mul(momentum, velocity)) : velocity;
    }
    return add(mul(left, x), -mul(lr, slope));
}

// f: weight decay, momentum, whether it is Nesterov's, rate, what decay leaves.
template <typename T>
__device__ void sgd(const Table& t) {
    const Part& q = part_of(t);
    T *o = (T*)q.o, *v = (T*)q.a;
    const T *p = (const T*)q.p, *g = (const T*)q.g;
    EACH_OF(i, q) {
        T x = p[i];
        o[i] = descended(x, add(g[i], mul(T(q.f[0]), x)), v + i, T(q.f[1]), q.f[2] != 0, T(q.f[3]), T(q.f[4]));
    }
}

// f: weight decay, what is kept of the means, what is added to them, eps, whether it is centred, momentum, rate, what decay leaves.
template <typename T>
__device__ void rms_prop(const Table& t) {
    const Part& q = part_of(t);
    T *o = (T*)q.o, *square = (T*)q.a, *mean = (T*)q.b, *v = (T*)q.c;
    const T *p = (const T*)q.p, *g = (const T*)q.g;
    T l2 = q.f[0], keep = q.f[1], take = q.f[2], eps = q.f[3];
    EACH_OF(i, q) {
        T x = p[i], slope = l2 > T(0) ? add(g[i], mul(l2, x)) : g[i];
        T spread = square[i] = add(mul(keep, square[i]), mul(take, mul(slope, slope)));
        if (q.f[4] != 0) {
            T middle = mean[i] = add(mul(keep, mean[i]), mul(take, slope));
            spread = add(spread, -mul(middle, middle));
            // rounding may leave a variance just below 0
            if (spread <= T(0)) spread = T(0);
        }
        slope = over(slope, add(root(spread), eps));
        o[i] = descended(x, slope, v + i, T(q.f[5]), false, T(q.f[6]), T(q.f[7]));
    }
}

// NaN stays NaN.
template <typename T>
__device__ T limited(T x, T limit) { return x > limit ? limit : x < -limit ? -limit : x; }

// Each block's part of the sum of the squares of its tensor, limited to f[0], in f64.
template <typename T>
__device__ void squares(const Table& t, double* sums) {
    const Part& q = part_of(t);
    const T* x = (const T*)q.g;
    double sum = 0;
    EACH_OF(i, q) {
        double value = limited(x[i], T(q.f[0]));
        sum += value * value;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// The sum of these for each tensor, by a block for each.
__device__ void total(const Table& t, const double* sums, double* totals) {
    const Part& q = t.parts[blockIdx.x];
    size blocks = (q.n + CHUNK - 1) / CHUNK;
    double sum = 0;
    for (size i = threadIdx.x; i < blocks; i += blockDim.x) sum += sums[q.first + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) totals[blockIdx.x] = sum;
}

template <typename T>
__device__ void scale(const Table& t) {
    const Part& q = part_of(t);
    T* x = (T*)q.g;
    EACH_OF(i, q) x[i] *= T(q.f[0]);
}

template <typename T>
__device__ void widen(const Table& t) {
    const Part& q = part_of(t);
    EACH_OF(i, q) ((double*)q.o)[i] = mul((double)((const T*)q.g)[i], q.f[0]);
}

// Each of f[1] steps draws a running moment towards what it observed; f[0] is how much of the way.
template <typename T>
__device__ void move(const Table& t) {
    const Part& q = part_of(t);
    const double* seen = (const double*)q.g;
    EACH_OF(i, q) {
        double value = ((const T*)q.p)[i];
        for (size step = 0; step < (size)q.f[1]; step++)
            value = add(value, mul(q.f[0], add(seen[step * q.n + i], -value)));
        ((T*)q.o)[i] = value;
    }
}

template <typename T>
__device__ void clamp(const Table& t) {
    const Part& q = part_of(t);
    T* x = (T*)q.g;
    EACH_OF(i, q) x[i] = limited(x[i], T(q.f[0]));
}

#define OPTIMIZER(T, name) \
    extern "C" __global__ void adam_##name(const __grid_constant__ Table t) { adam<T>(t); } \
    extern "C" __global__ void sgd_##name(const __grid_constant__ Table t) { sgd<T>(t); } \
    extern "C" __global__ void rms_prop_##name(const __grid_constant__ Table t) { rms_prop<T>(t); } \
    extern "C" __global__ void scale_all_##name(const __grid_constant__ Table t) { scale<T>(t); } \
    extern "C" __global__ void widen_all_##name(const __grid_constant__ Table t) { widen<T>(t); } \
    extern "C" __global__ void move_all_##name(const __grid_constant__ Table t) { move<T>(t); } \
    extern "C" __global__ void clamp_all_##name(const __grid_constant__ Table t) { clamp<T>(t); } \
    extern "C" __global__ void squares_of_##name(const __grid_constant__ Table t, double* sums) { squares<T>(t, sums); } \
    extern "C" __global__ void total_of_##name(const __grid_constant__ Table t, const double* sums, double* totals) { \
        total(t, sums, totals); \
    }
OPTIMIZER(float, f32)
OPTIMIZER(double, f64)
