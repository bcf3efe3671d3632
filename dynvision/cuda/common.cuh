// What the kernels share. Each is compiled for f32 and f64; sums have a fixed order, so that a run is the same bits again.
#pragma once
typedef unsigned long long size;

// Each number below n once, whatever the number of threads.
#define EACH(i, n) \
    for (size i = blockIdx.x * (size)blockDim.x + threadIdx.x; i < (n); i += (size)gridDim.x * blockDim.x)

// Threads of a block that sums; a power of two, as on the host.
#define SUMMING 256

// The sum of what the threads of a block have, for all of them.
template <typename T>
__device__ T block_sum(T x) {
    __shared__ T sums[SUMMING];
    sums[threadIdx.x] = x;
    for (unsigned half = SUMMING / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
    T sum = sums[0];
    __syncthreads(); // the next sum uses the same memory
    return sum;
}
