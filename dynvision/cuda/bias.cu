// y[i] + bias[i / run % len].
#include "common.cuh"

template <typename T>
__device__ void forward(size n, size len, size run, const T* y, const T* bias, T* z) {
    EACH(i, n) z[i] = y[i] + bias[i / run % len];
}

// A block for each element of the bias sums all that it was added to.
template <typename T>
__device__ void backward(size n, size len, size run, const T* gy, T* gb) {
    size at = blockIdx.x;
    T sum = 0;
    for (size j = threadIdx.x; j < n / len; j += blockDim.x) sum += gy[j / run * run * len + at * run + j % run];
    sum = block_sum(sum);
    if (threadIdx.x == 0) gb[at] += sum;
}

#define BIAS(T, name) \
    extern "C" __global__ void bias_##name(size n, size len, size run, const T* y, const T* bias, T* z) { \
        forward(n, len, run, y, bias, z); \
    } \
    extern "C" __global__ void bias_backward_##name(size n, size len, size run, const T* gy, T* gb) { \
        backward(n, len, run, gy, gb); \
    }
BIAS(float, f32)
BIAS(double, f64)
