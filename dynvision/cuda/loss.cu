// Losses, forward and backward in one launch each; rows are summed by a block each, in a fixed order.
#include "common.cuh"

__device__ float exp_of(float x) { return expf(x); }
__device__ double exp_of(double x) { return exp(x); }
__device__ float ln(float x) { return logf(x); }
__device__ double ln(double x) { return log(x); }
// ln(1 + x), exact where x is small.
__device__ float ln_1p(float x) { return log1pf(x); }
__device__ double ln_1p(double x) { return log1p(x); }

// NaN is greater than all.
template <typename T>
__device__ T greater(T x, T y) { return y > x || y != y ? y : x; }

// The greatest of what the threads of a block have, for all of them.
template <typename T>
__device__ T block_max(T x) {
    __shared__ T all[SUMMING];
    all[threadIdx.x] = x;
    for (unsigned half = SUMMING / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) all[threadIdx.x] = greater(all[threadIdx.x], all[threadIdx.x + half]);
    }
    __syncthreads();
    T greatest = all[0];
    __syncthreads(); // the next one uses the same memory
    return greatest;
}

// A block for each row: y = weight (ln sum exp x - x[class]), 0 for a row of no class. Keeps the greatest of x, and what
// ln sum exp is above it.
template <typename T>
__device__ void cross_entropy(size classes, const int* target, const T* weight, const T* x, T* kept, T* y) {
    size row = blockIdx.x;
    int class_of = target[row];
    if (class_of < 0) { // all threads of the block
        if (threadIdx.x == 0) y[row] = T(0);
        return;
    }
    x += row * classes;
    T greatest = -INFINITY, sum = 0;
    for (size j = threadIdx.x; j < classes; j += blockDim.x) greatest = greater(greatest, x[j]);
    greatest = block_max(greatest);
    for (size j = threadIdx.x; j < classes; j += blockDim.x) sum += exp_of(x[j] - greatest);
    T above = ln(block_sum(sum));
    if (threadIdx.x == 0) {
        kept[2 * row] = greatest;
        kept[2 * row + 1] = above;
        y[row] = weight[row] * ((greatest - x[class_of]) + above);
    }
}

// Adds gy weight (softmax x - one), with a one at the class.
template <typename T>
__device__ void cross_entropy_backward(
    size n, size classes, const int* target, const T* weight, const T* x, const T* kept, const T* gy, T* gx) {
    EACH(i, n) {
        size row = i / classes;
        int class_of = target[row];
        if (class_of < 0) continue;
        T scale = gy[row] * weight[row], g = gx[i] + scale * exp_of((x[i] - kept[2 * row]) - kept[2 * row + 1]);
        gx[i] = i % classes == class_of ? g - scale : g;
    }
}

// How activity is measured: by its magnitude, its square, its magnitude to a power, or as it is.
enum { ABSOLUTE, SQUARE, POWER, SIGNED };

__device__ double sign(double a) { return a > 0 ? 1 : a < 0 ? -1 : a; }

// A block for each row: how active it is. Keeps the sum of what is averaged.
template <typename T>
__device__ void activity(size units, int measure, double p, const T* x, double* kept, T* y) {
    size row = blockIdx.x;
    x += row * units;
    double sum = 0;
    for (size j = threadIdx.x; j < units; j += blockDim.x) {
        double a = x[j];
        sum += measure == ABSOLUTE ? fabs(a) : measure == SQUARE ? a * a : measure == POWER ? pow(fabs(a), p) : a;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        double mean = sum / (double)units;
        kept[row] = sum;
        y[row] = measure == SQUARE ? sqrt(mean) : measure == POWER ? pow(mean, 1 / p) : fabs(mean);
    }
}

// A silent row has no gradient.
template <typename T>
__device__ void activity_backward(
    size n, size units, int measure, double p, const T* x, const double* kept, const T* y, const T* gy, T* gx) {
    EACH(i, n) {
        size row = i / units;
        double a = x[i], of = y[row], scale = (double)gy[row] / (double)units;
        if (of == 0) continue;
        double g = measure == ABSOLUTE ? scale * sign(a)
            : measure == SQUARE        ? scale * a / of
            : measure == POWER         ? scale * sign(a) * pow(fabs(a) / of, p - 1)
                                       : scale * sign(kept[row]);
        gx[i] += (T)g;
    }
}

// A block for each run: the sum of the squares of the changes between the steps of each pair.
template <typename T>
__device__ void change(size pairs, size units, const unsigned char* counts, const T* x, T* y) {
    x += blockIdx.x * (pairs + 1) * units;
    double sum = 0;
    for (size j = threadIdx.x; j < pairs * units; j += blockDim.x) {
        if (!counts[j / units]) continue;
        double by = x[j + units] - x[j];
        sum += by * by;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) y[blockIdx.x] = (T)sum;
}

template <typename T>
__device__ void change_backward(
    size n, size pairs, size units, const unsigned char* counts, const T* x, const T* gy, T* gx) {
    EACH(i, n) {
        size step = i / units % (pairs + 1);
        T scale = T(2) * gy[i / units / (pairs + 1)], g = gx[i];
        if (step > 0 && counts[step - 1]) g += scale * (x[i] - x[i - units]);
        if (step < pairs && counts[step]) g -= scale * (x[i + units] - x[i]);
        gx[i] = g;
    }
}

// What a unit that should answer e adds to the loss: the square of the difference, or -e ln p - (1 - e) ln(1 - p) of the p whose
// log-odds it answers.
enum { SQUARED_ERROR, BINARY_CROSS_ENTROPY };

template <typename T>
__device__ T term(int loss, T x, T e) {
    if (loss == SQUARED_ERROR) return (x - e) * (x - e);
    T size_of = x < T(0) ? -x : x;
    return x * (T(0.5) - e) + T(0.5) * size_of + ln_1p(exp_of(-size_of));
}

template <typename T>
__device__ T slope(int loss, T x, T e) {
    if (loss == SQUARED_ERROR) return T(2) * (x - e);
    T falls = exp_of(x < T(0) ? x : -x);
    return (x < T(0) ? falls : T(1)) / (T(1) + falls) - e;
}

// Each block's part of the sum of the terms, each by its weight where there are any.
template <typename T>
__device__ void terms(size n, int loss, const T* x, const T* e, const T* weight, T* parts) {
    T sum = 0;
    EACH(i, n) {
        T by = term(loss, x[i], e[i]);
        sum += weight ? weight[i] * by : by;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

template <typename T>
__device__ void terms_backward(size n, int loss, const T* x, const T* e, const T* weight, const T* gy, T* gx) {
    EACH(i, n) gx[i] += gy[0] * (weight ? weight[i] : T(1)) * slope(loss, x[i], e[i]);
}

// y = factor sum x, by one block.
template <typename T>
__device__ void total(size n, T factor, const T* x, T* y) {
    T sum = 0;
    for (size i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) y[0] = sum * factor;
}

#define LOSS(T, name) \
    extern "C" __global__ void cross_entropy_##name( \
        size classes, const int* target, const T* weight, const T* x, T* kept, T* y) { \
        cross_entropy(classes, target, weight, x, kept, y); \
    } \
    extern "C" __global__ void cross_entropy_backward_##name( \
        size n, size classes, const int* target, const T* weight, const T* x, const T* kept, const T* gy, T* gx) { \
        cross_entropy_backward(n, classes, target, weight, x, kept, gy, gx); \
    } \
    extern "C" __global__ void activity_##name(size units, int measure, double p, const T* x, double* kept, T* y) { \
        activity(units, measure, p, x, kept, y); \
    } \
    extern "C" __global__ void activity_backward_##name( \
        size n, size units, int measure, double p, const T* x, const double* kept, const T* y, const T* gy, T* gx) { \
        activity_backward(n, units, measure, p, x, kept, y, gy, gx); \
    } \
    extern "C" __global__ void change_##name( \
        size pairs, size units, const unsigned char* counts, const T* x, T* y) { \
        change(pairs, units, counts, x, y); \
    } \
    extern "C" __global__ void change_backward_##name( \
        size n, size pairs, size units, const unsigned char* counts, const T* x, const T* gy, T* gx) { \
        change_backward(n, pairs, units, counts, x, gy, gx); \
    } \
    extern "C" __global__ void terms_##name(size n, int loss, const T* x, const T* e, const T* weight, T* parts) { \
        terms(n, loss, x, e, weight, parts); \
    } \
    extern "C" __global__ void terms_backward_##name( \
        size n, int loss, const T* x, const T* e, const T* weight, const T* gy, T* gx) { \
        terms_backward(n, loss, x, e, weight, gy, gx); \
    } \
    extern "C" __global__ void total_##name(size n, T factor, const T* x, T* y) { total(n, factor, x, y); } \
    extern "C" __global__ void total_backward_##name(size n, T factor, const T* gy, T* gx) { \
        EACH(i, n) gx[i] += gy[0] * factor; \
    }
LOSS(float, f32)
LOSS(double, f64)
