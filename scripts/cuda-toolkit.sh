#!/usr/bin/env bash
# Makes a CUDA toolkit that hobbit can be built with, from NVIDIA's packages for Python: no root, no driver, no GPU needed.
#
#   scripts/cuda-toolkit.sh DIR
#   source DIR/env.sh
#   cargo build --release --features cuda
#
# Needs python3 with pip, and a C compiler. Takes 1.2 GB in DIR.
set -euo pipefail

if [[ $# -ne 1 || $1 == -* ]]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd)

packages=(
    nvidia-cuda-nvcc==13.0.88
    nvidia-nvvm==13.0.88
    nvidia-cuda-crt==13.0.88
    nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85
    nvidia-cublas==13.0.2.14
    nvidia-curand==10.4.0.35
    nvidia-cuda-nvrtc==13.0.88
)
if [[ ! -f $dir/packages || $(cat "$dir/packages") != "${packages[*]}" ]]; then
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$dir/wheels" "${packages[@]}"
    for wheel in "$dir"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$dir/unpacked"
    done
    # all of them have their files below nvidia/cu13
    cp -a "$dir/unpacked/nvidia/cu13/." "$dir/"
    rm -rf "$dir/unpacked" "$dir/wheels"
    echo "${packages[*]}" >"$dir/packages"
fi
chmod +x "$dir"/bin/* "$dir"/nvvm/bin/*

# the linker looks for names without versions
mkdir -p "$dir/lib64" "$dir/stub"
for name in cublas cublasLt curand nvrtc; do
    library=$(find "$dir/lib" -name "lib$name.so.*" | sort | tail -n 1)
    ln -sf "$library" "$dir/lib64/lib$name.so"
done

# The driver's library comes with the driver. This one is for linking, and for seeing what happens without a GPU: every function says
# that there is none.
grep -oE '\bcu[A-Z][A-Za-z0-9_]*[[:space:]]*\(|\bcu[A-Z][A-Za-z0-9_]*_v[0-9]+\b' "$dir/include/cuda.h" |
    tr -d ' (' | sort -u |
    awk '{ print "int " $1 "(void) { return 100; }" }' >"$dir/stub/cuda.c"
"${CC:-cc}" -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$dir/stub/libcuda.so.1" "$dir/stub/cuda.c"
ln -sf ../stub/libcuda.so.1 "$dir/lib64/libcuda.so"

# The build asks nvidia-smi for which GPU it compiles. Where there is none, this answers: set CUDA_COMPUTE_CAP for another than 9.0.
cat >"$dir/stub/nvidia-smi" <<'EOF'
#!/bin/sh
echo compute_cap
echo "${CUDA_COMPUTE_CAP:-9.0}"
EOF
chmod +x "$dir/stub/nvidia-smi"

cat >"$dir/env.sh" <<EOF
export CUDA_PATH='$dir' CUDA_ROOT='$dir'
export PATH='$dir/bin':"\$PATH"
export LD_LIBRARY_PATH='$dir/lib'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
# behind everything else: a real driver's come first
command -v nvidia-smi >/dev/null || export PATH="\$PATH":'$dir/stub'
ldconfig -p 2>/dev/null | grep libcuda.so.1 >/dev/null || export LD_LIBRARY_PATH="\$LD_LIBRARY_PATH":'$dir/stub'
EOF
echo "The toolkit is in $dir. Next:"
echo "  source $dir/env.sh"
echo "  cargo build --release --features cuda"
