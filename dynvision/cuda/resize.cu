// Nearest-neighbour resizing, as PyTorch has it: the source index is min(floor(at * (from / to)), from - 1) in f32.
#include "common.cuh"

__device__ size source(size at, size from, size to) {
    float ratio = __fdiv_rn((float)from, (float)to);
    size found = (size)floorf(__fmul_rn((float)at, ratio));
    return found < from - 1 ? found : from - 1;
}

// The first place whose source is not before `at`.
__device__ size first_of(size at, size from, size to) {
    size place = (size)((float)at * ((float)to / (float)from));
    place = place > to ? to : place;
    while (place > 0 && source(place - 1, from, to) >= at) place--;
    while (place < to && source(place, from, to) < at) place++;
    return place;
}

template <typename T>
__device__ void forward(size n, size h, size w, size rows, size columns, const T* x, const T* onto, T* y) {
    EACH(i, n) {
        size plane = i / (rows * columns), row = i / columns % rows, column = i % columns;
        T value = x[(plane * h + source(row, h, rows)) * w + source(column, w, columns)];
        y[i] = onto ? onto[i] + value : value;
    }
}

// Each unit of x sums what was made of it.
template <typename T>
__device__ void backward(size n, size h, size w, size rows, size columns, const T* gy, T* gx) {
    EACH(i, n) {
        size plane = i / (h * w), row = i / w % h, column = i % w;
        size above = first_of(row, h, rows), below = first_of(row + 1, h, rows);
        size left = first_of(column, w, columns), right = first_of(column + 1, w, columns);
        T sum = 0;
        for (size r = above; r < below; r++)
            for (size c = left; c < right; c++) sum += gy[(plane * rows + r) * columns + c];
        gx[i] += sum;
    }
}

#define RESIZE(T, name) \
    extern "C" __global__ void resize_##name( \
        size n, size h, size w, size rows, size columns, const T* x, const T* onto, T* y) { \
        forward(n, h, w, rows, columns, x, onto, y); \
    } \
    extern "C" __global__ void resize_backward_##name( \
        size n, size h, size w, size rows, size columns, const T* gy, T* gx) { \
        backward(n, h, w, rows, columns, gy, gx); \
    }
RESIZE(float, f32)
RESIZE(double, f64)
