// Steps of a time axis: element (sample, unit) of step `at` of `time`.
#include "common.cuh"

#define STACK(T, name) \
    extern "C" __global__ void stack_##name(size n, size len, size time, size at, const T* x, T* y) { \
        EACH(i, n) y[(i / len * time + at) * len + i % len] = x[i]; \
    } \
    extern "C" __global__ void unstack_##name(size n, size len, size time, size at, const T* gy, T* gx) { \
        EACH(i, n) gx[i] += gy[(i / len * time + at) * len + i % len]; \
    }
STACK(float, f32)
STACK(double, f64)
