#!/bin/bash
# Executes the CUDA code without a GPU: sets up NVIDIA's compilers from PyPI in a folder, builds the stand-in for the driver
# (ci/cuda/standin) and the tests with the features `cuda` and `cudnn`, and runs them. States its time. Without a network it says so and
# skips, with success.
#
# usage: ci/cuda.sh [FOLDER] ; without FOLDER a temporary one, which is removed at the end. With one, a later call is faster.
#
# CUDA_GOLDENS chooses goldens by parts of their names; the default are small ones of every kind, `.` is all of them. With cuDNN a
# few are run again.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    root=$(cd "$1" && pwd)
else
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
fi

# The toolkit. dfdx and the kernels are compiled by nvcc, some of dfdx's by NVRTC while the program runs. Newer PTX is refused
# by older drivers: the versions stay.
packages="nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85 nvidia-cuda-nvrtc==13.0.88"
if [ ! -x "$root/bin/nvcc" ]; then
    python3 -m venv "$root/venv"
    # shellcheck disable=SC2086 # a list
    if ! "$root/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps $packages; then
        echo "cuda: skipped, the CUDA compilers cannot be installed from PyPI (no network?)"
        exit 0
    fi
    toolkit=$(echo "$root"/venv/lib/python3*/site-packages/nvidia/cu13)
    chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/*
    mkdir -p "$root/cuda/lib64" "$root/bin"
    for folder in include bin nvvm; do ln -sfn "$toolkit/$folder" "$root/cuda/$folder"; done
    ln -sf "$toolkit/lib/libnvrtc.so.13" "$root/cuda/lib64/libnvrtc.so"
    # what dfdx asks for the GPU that it compiles for
    printf '#!/bin/sh\necho compute_cap\necho 9.0\n' >"$root/bin/nvidia-smi"
    # dfdx starts all its compilers at once: only a few at a time run. It reads what they say one after the other, so that one whose
    # warnings fill its pipe waits to be read: they are kept in a file until its turn is over, or it would keep its turn from
    # those that are read before it.
    cat >"$root/bin/nvcc" <<W
#!/bin/bash
said=\$(mktemp -d)
code=0
flock "$root/nvcc.lock.\$((RANDOM % $(nproc)))" "$root/cuda/bin/nvcc" "\$@" >"\$said/out" 2>"\$said/err" || code=\$?
cat "\$said/out"
cat "\$said/err" >&2
rm -r "\$said"
exit \$code
W
    chmod +x "$root"/bin/*
fi
toolkit=$(echo "$root"/venv/lib/python3*/site-packages/nvidia/cu13)

# The stand-in, under the names of the driver, of cuBLAS and of cuDNN. Its own tests come first.
(cd ci/cuda/standin && CARGO_TARGET_DIR="$root/standin" cargo test --quiet --release)
(cd ci/cuda/standin && CARGO_TARGET_DIR="$root/standin" cargo build --quiet --release)
for name in libcuda.so libcuda.so.1 libcublas.so libcublasLt.so libcudnn.so.9; do
    ln -sf "$root/standin/release/libcuda_standin.so" "$root/cuda/lib64/$name"
done

export PATH="$root/bin:$PATH" CUDA_PATH="$root/cuda" LD_LIBRARY_PATH="$root/cuda/lib64:$toolkit/lib"
export CARGO_TARGET_DIR="$root/target" CARGO_PROFILE_DEV_DEBUG=false CARGO_PROFILE_TEST_DEBUG=false
goldens=${CUDA_GOLDENS:-comp_ loss_ activity_ tff2 rec_ feedback skip_ target_ input_adaption}
built=0
executed=0
for features in cuda cudnn; do
    begun=$SECONDS
    cargo test --package dynvision --features $features --test ops --test cuda --test goldens --no-run
    ready=$SECONDS
    cargo test --quiet --package dynvision --features $features --test ops --test cuda
    # shellcheck disable=SC2086 # a list
    cargo test --quiet --package dynvision --features $features --test goldens -- $goldens
    goldens="comp_ feedback"
    built=$((built + ready - begun))
    executed=$((executed + SECONDS - ready))
done
echo "cuda: executed in software in $executed s, built in $built s, set up in $((SECONDS - start - built - executed)) s"
