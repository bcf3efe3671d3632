// Pooling. Windows may reach beyond the maps; what is there never wins, and counts as zero in a mean.
#include "common.cuh"

struct Sizes {
    size h, w, rows, columns, kernel, stride, padding, dilation;
};

// Whether tap `tap` of place `place` reads inside, and where.
__device__ bool inside(size place, size tap, size len, Sizes s, size* at) {
    size padded = place * s.stride + tap * s.dilation;
    if (padded < s.padding || padded - s.padding >= len) return false;
    *at = padded - s.padding;
    return true;
}

// The first of the largest, and its tap; the first NaN, if there is one.
template <typename T>
__device__ void max_forward(size n, Sizes s, const T* x, T* y, unsigned* chosen) {
    EACH(i, n) {
        size plane = i / (s.rows * s.columns), row = i / s.columns % s.rows, column = i % s.columns, r, c;
        T best = -INFINITY;
        unsigned taken = 0;
        bool any = false;
        for (size tap = 0; tap < s.kernel * s.kernel; tap++) {
            if (!inside(row, tap / s.kernel, s.h, s, &r) || !inside(column, tap % s.kernel, s.w, s, &c)) continue;
            T value = x[(plane * s.h + r) * s.w + c];
            if (best != best) break;
            if (!any || value > best || value != value) {
                best = value;
                taken = (unsigned)tap;
                any = true;
            }
        }
        y[i] = best;
        if (chosen) chosen[i] = taken;
    }
}

// Calls for each place whose tap reads unit (row, column), in the order of places.
template <typename F>
__device__ void readers(size row, size column, Sizes s, F f) {
    // along one dimension: places from `first` to `last` could reach the unit
    size extent = (s.kernel - 1) * s.dilation, r = row + s.padding, c = column + s.padding;
    size top = r > extent ? (r - extent + s.stride - 1) / s.stride : 0;
    size left = c > extent ? (c - extent + s.stride - 1) / s.stride : 0;
    for (size i = top; i < s.rows && i * s.stride <= r; i++) {
        size down = r - i * s.stride;
        if (down % s.dilation) continue;
        for (size j = left; j < s.columns && j * s.stride <= c; j++) {
            size across = c - j * s.stride;
            if (across % s.dilation) continue;
            f(i * s.columns + j, down / s.dilation * s.kernel + across / s.dilation);
        }
    }
}

template <typename T>
__device__ void max_backward(size n, Sizes s, const unsigned* chosen, const T* gy, T* gx) {
    EACH(i, n) {
        size first = i / (s.h * s.w) * s.rows * s.columns;
        T sum = 0;
        readers(i / s.w % s.h, i % s.w, s, [&](size place, size tap) {
            if (chosen[first + place] == tap) sum += gy[first + place];
        });
        gx[i] += sum;
    }
}

template <typename T>
__device__ void avg_forward(size n, Sizes s, const T* x, T* y) {
    EACH(i, n) {
        size plane = i / (s.rows * s.columns), row = i / s.columns % s.rows, column = i % s.columns, r, c;
        T sum = 0;
        for (size tap = 0; tap < s.kernel * s.kernel; tap++)
            if (inside(row, tap / s.kernel, s.h, s, &r) && inside(column, tap % s.kernel, s.w, s, &c))
                sum += x[(plane * s.h + r) * s.w + c];
        y[i] = sum / T(s.kernel * s.kernel);
    }
}

template <typename T>
__device__ void avg_backward(size n, Sizes s, const T* gy, T* gx) {
    EACH(i, n) {
        size first = i / (s.h * s.w) * s.rows * s.columns;
        T sum = 0;
        readers(i / s.w % s.h, i % s.w, s, [&](size place, size) { sum += gy[first + place]; });
        gx[i] += sum / T(s.kernel * s.kernel);
    }
}

// A block for each map.
template <typename T>
__device__ void global_forward(size units, const T* x, T* y) {
    T sum = 0;
    for (size u = threadIdx.x; u < units; u += blockDim.x) sum += x[blockIdx.x * units + u];
    sum = block_sum(sum);
    if (threadIdx.x == 0) y[blockIdx.x] = sum / T(units);
}

#define POOL(T, name) \
    extern "C" __global__ void max_pool_##name(size n, Sizes s, const T* x, T* y, unsigned* chosen) { \
        max_forward(n, s, x, y, chosen); \
    } \
    extern "C" __global__ void max_pool_backward_##name(size n, Sizes s, const unsigned* chosen, const T* gy, T* gx) { \
        max_backward(n, s, chosen, gy, gx); \
    } \
    extern "C" __global__ void avg_pool_##name(size n, Sizes s, const T* x, T* y) { \
        avg_forward(n, s, x, y); \
    } \
    extern "C" __global__ void avg_pool_backward_##name(size n, Sizes s, const T* gy, T* gx) { \
        avg_backward(n, s, gy, gx); \
    } \
    extern "C" __global__ void global_avg_##name(size units, const T* x, T* y) { \
        global_forward(units, x, y); \
    } \
    extern "C" __global__ void global_avg_backward_##name(size n, size units, const T* gy, T* gx) { \
        EACH(i, n) gx[i] += gy[i / units] / T(units); \
    }
POOL(float, f32)
POOL(double, f64)
