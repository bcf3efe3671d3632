// What a convolution reads, as a matrix: for each group, rows of channels and taps, and columns of images and places.
#include "common.cuh"

struct Sizes {
    size batch, channels, h, w, rows, columns, kernel, stride, padding, dilation, reflect;
};

// Where a tap of a place reads; false beyond the border.
__device__ bool reads(size place, size tap, size len, Sizes s, size* at) {
    size padded = place * s.stride + tap * s.dilation;
    if (padded < s.padding) {
        *at = s.padding - padded;
        return s.reflect;
    }
    *at = padded - s.padding;
    if (*at < len) return true;
    *at = 2 * (len - 1) - *at;
    return s.reflect;
}

// Element (channel, tap; image, place).
template <typename T>
__device__ void unfold(size n, Sizes s, const T* x, T* y) {
    size places = s.rows * s.columns, across = s.batch * places, taps = s.kernel * s.kernel, r, c;
    EACH(i, n) {
        size place = i % places, image = i / places % s.batch, tap = i / across % taps, channel = i / across / taps;
        bool is_in = reads(place / s.columns, tap / s.kernel, s.h, s, &r);
        is_in = reads(place % s.columns, tap % s.kernel, s.w, s, &c) && is_in;
        y[i] = is_in ? x[((image * s.channels + channel) * s.h + r) * s.w + c] : T(0);
    }
}

// The adjoint: each unit of x sums all that was read from it. Reflected borders are looked through tap by tap.
template <typename T>
__device__ void fold(size n, Sizes s, const T* gy, T* gx) {
    size places = s.rows * s.columns, across = s.batch * places, taps = s.kernel * s.kernel, r, c;
    EACH(i, n) {
        size column = i % s.w, row = i / s.w % s.h, channel = i / (s.h * s.w) % s.channels, image = i / (s.h * s.w) / s.channels;
        T sum = 0;
        for (size down = 0; down < s.kernel; down++) {
            for (size right = 0; right < s.kernel; right++) {
                const T* part = gy + (channel * taps + down * s.kernel + right) * across + image * places;
                if (s.reflect) {
                    for (size k = 0; k < s.rows; k++) {
                        if (!reads(k, down, s.h, s, &r) || r != row) continue;
                        for (size l = 0; l < s.columns; l++)
                            if (reads(l, right, s.w, s, &c) && c == column) sum += part[k * s.columns + l];
                    }
                    continue;
                }
                size y = row + s.padding, z = column + s.padding, dy = down * s.dilation, dz = right * s.dilation;
                if (y < dy || z < dz || (y - dy) % s.stride || (z - dz) % s.stride) continue;
                size k = (y - dy) / s.stride, l = (z - dz) / s.stride;
                if (k < s.rows && l < s.columns) sum += part[k * s.columns + l];
            }
        }
        gx[i] += sum;
    }
}

// (batch, channels, places) to (channels, batch, places) and back, the second time added.
template <typename T>
__device__ void swap(size n, size a, size b, size places, const T* x, const T* bias, const T* onto, T* y) {
    EACH(i, n) {
        size place = i % places, j = i / places % a, k = i / places / a;
        T value = x[(j * b + k) * places + place];
        if (bias) value += bias[j];
        y[i] = onto ? onto[i] + value : value;
    }
}

// Adds a bias for each channel, and what the result is added to, to what cuDNN has made.
template <typename T>
__device__ void onto(size n, size outs, size places, const T* bias, const T* base, T* y) {
    EACH(i, n) {
        T value = y[i];
        if (bias) value += bias[i / places % outs];
        y[i] = base ? base[i] + value : value;
    }
}

#define COLUMNS(T, name) \
    extern "C" __global__ void onto_##name(size n, size outs, size places, const T* bias, const T* base, T* y) { \
        onto(n, outs, places, bias, base, y); \
    } \
    extern "C" __global__ void unfold_##name(size n, Sizes s, const T* x, T* y) { unfold(n, s, x, y); } \
    extern "C" __global__ void fold_##name(size n, Sizes s, const T* gy, T* gx) { fold(n, s, gy, gx); } \
    extern "C" __global__ void swap_##name( \
        size n, size a, size b, size places, const T* x, const T* bias, const T* onto, T* y) { \
        swap(n, a, b, places, x, bias, onto, y); \
    }
COLUMNS(float, f32)
COLUMNS(double, f64)
