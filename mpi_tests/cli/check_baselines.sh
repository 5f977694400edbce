#!/usr/bin/env bash
# Prunes with each baseline on two ranks and has the weights checked against the published scripts' way, in NumPy.
#
#   check_baselines.sh MPIEXEC ATTNEWTON CHECKER INPUTS WEIGHTS
#
# Exits 77 (skipped) where NumPy is not there.
set -euo pipefail

mpiexec=$1 program=$2 checker=$3 inputs=$4 weights=$5
if ! python3 -c 'import numpy' 2>/dev/null; then
  echo "python3-numpy is not installed: skipped"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for method in magnitude wanda sparsegpt; do
  for choice in "--ratio 0.5" "--ratio 0.25" "--pattern 2:4" "--pattern 3:5"; do
    read -ra words <<<"$choice"
    "$mpiexec" -n 2 "$program" prune --x "$inputs" --w "$weights" --method "$method" "${words[@]}" --threads 1 --quiet --out "$folder/out"
    python3 "$checker" "$method" --weights "$weights" --inputs "$inputs" --pruned "$folder/out/w_pruned.npy" "${words[@]}"
  done
done
