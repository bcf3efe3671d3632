// Unit u of each sample of y is unit index[u] of that sample of x.
#include "common.cuh"

template <typename T>
__device__ void forward(size n, size units, size picks, const unsigned* index, const T* x, T* y) {
    EACH(i, n) y[i] = x[i / picks * units + index[i % picks]];
}

// Unit u of x was picked by `users[starts[u]]` up to `users[starts[u + 1]]`.
template <typename T>
__device__ void backward(size n, size units, size picks, const unsigned* starts, const unsigned* users, const T* gy, T* gx) {
    EACH(i, n) {
        size sample = i / units, unit = i % units;
        T sum = 0;
        for (unsigned k = starts[unit]; k < starts[unit + 1]; k++) sum += gy[sample * picks + users[k]];
        gx[i] += sum;
    }
}

#define GATHER(T, name) \
    extern "C" __global__ void gather_##name(size n, size units, size picks, const unsigned* index, const T* x, T* y) { \
        forward(n, units, picks, index, x, y); \
    } \
    extern "C" __global__ void gather_backward_##name( \
        size n, size units, size picks, const unsigned* starts, const unsigned* users, const T* gy, T* gx) { \
        backward(n, units, picks, starts, users, gy, gx); \
    }
GATHER(float, f32)
GATHER(double, f64)
