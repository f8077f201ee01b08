#!/usr/bin/env bash
# Train DIN for some minutes on a machine with a GPU that has JAX, but neither
# Keras nor a network: pack here, run there, unpack here.
#
#   recipes/studies/gpu_din.sh pack photographs paintings textures
#   recipes/studies/gpu_din.sh run OUT --minutes 9 [options of train_din.py]
#   JUDGE=WHEEL recipes/studies/gpu_din.sh ablate OUT --steps 150 800 --size 128
#   recipes/studies/gpu_din.sh unpack OUT
#
# `pack` puts pictures (at most 24 MB) and wheels for PYTHON_VERSION (3.12) into
# build/gpu_din, which travels with the clone. `run` trains on them, and with
# TIME_DIN=1 times the networks before; logs, weights and pictures go to OUT, one
# archive for each. `ablate` runs `ablate_pictures.py` with these options, a
# process for each of its variants, all beside one another; what takes more than
# LIMIT seconds is ended. `unpack` puts what OUT has into results/gpu_din. To try
# it without a GPU: `run` on a machine whose python3 (or PYTHON) has JAX.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pack=build/gpu_din
command=${1:?pack, run or unpack}
shift

case $command in
pack)
  mkdir -p "$pack/wheels"
  "${PYTHON:-python3}" recipes/build/pack_pictures.py "$@" \
    --output "$pack/pictures"
  "${PYTHON:-python3}" -m pip download -q --no-deps --only-binary=:all: \
    --python-version "${PYTHON_VERSION:-3.12}" -d "$pack/wheels" \
    "keras>=3.15" namex optree
  du -sh "$pack"
  ;;
run | ablate)
  out=${1:?a folder for the results}
  shift
  site=$(mktemp -d)
  "${PYTHON:-python3}" -m pip install -q --no-index --no-deps \
    --target "$site" "$pack"/wheels/*.whl
  # The package as it is when installed: with its weights inside.
  mkdir "$site/keras_vipa"
  ln -s "$PWD"/keras_vipa/* "$site/keras_vipa/"
  ln -sfn "$PWD/saved_models" "$site/keras_vipa/saved_models"
  export PYTHONPATH=$site KERAS_BACKEND=jax PYTHONUNBUFFERED=1
  name=${NAME:-din}
  folder=$(mktemp -d)/$name
  mkdir -p "$out" "$folder"
  if [[ -n ${TIME_DIN:-} ]]; then
    for backend in jax torch; do
      KERAS_BACKEND=$backend "${PYTHON:-python3}" recipes/studies/time_din.py \
        --batches 1 16 --rounds 10 --output "$folder" 2>&1 | tee "$folder/time_$backend.log"
      mv "$folder/report.json" "$folder/time_$backend.json"
    done
    if [[ $TIME_DIN == only ]]; then
      tar -C "$(dirname "$folder")" -czf "$out/$name.tar.gz" "$name"
      exit
    fi
  fi
  pictures=$pack/pictures
  if [[ $command == ablate ]]; then
    # All at once, since most of the time goes into compiling; what one process
    # has compiled, the others need not compile again.
    JAX_COMPILATION_CACHE_DIR=$(mktemp -d)
    export JAX_COMPILATION_CACHE_DIR XLA_PYTHON_CLIENT_PREALLOCATE=false
    export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
    while read -r variant; do
      timeout "${LIMIT:-520}" "${PYTHON:-python3}" \
        recipes/studies/ablate_pictures.py \
        --content "$pictures/photographs" --style "$pictures/paintings" \
        ${JUDGE:+--judge "$JUDGE"} --output "$folder/${variant// /_}" \
        --variants "$variant" "$@" >"$folder/${variant// /_}.log" 2>&1 &
    done <<'END'
plain
grain
smooth
grain and smooth
tone 2
variation 0
variation 1
style 7
large crops
epsilon 1e-3
bilinear
colours first
no colours
two networks
long run
END
    wait
    tail -n 1 "$folder"/*.log
    tar -C "$(dirname "$folder")" -czf "$out/$name.tar.gz" "$name"
    exit
  fi
  status=0
  "${PYTHON:-python3}" recipes/train_din.py --output "$folder" \
    --content "$pictures/photographs" --style "$pictures/paintings" \
    "$pictures/paintings" "$pictures/textures" "$pictures/photographs" \
    "$@" 2>&1 | tee "$folder/train.log" || status=$?
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi >"$folder/nvidia-smi.txt"
  fi
  tar -C "$(dirname "$folder")" --exclude 'backup_*' -czf "$out/$name.tar.gz" \
    "$name"
  exit $status
  ;;
unpack)
  mkdir -p results/gpu_din
  for archive in "${1:?the folder with the results}"/*.tar.gz; do
    tar -C results/gpu_din -xzf "$archive"
  done
  ls results/gpu_din/*
  ;;
*)
  echo "gpu_din.sh: error: pack, run or unpack. Received: $command" >&2
  exit 2
  ;;
esac
