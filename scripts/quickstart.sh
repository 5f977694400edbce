#!/usr/bin/env bash
# Builds attnewton and fits the bundled attention head. See usage below, or --help.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'EOF'
usage: quickstart.sh [--out DIR]

Installs what is missing (Debian 12), builds the program into build/, and fits head 0 of data/wordgpt_layer1_head0 from
X = 0 on two MPI ranks. DIR receives result.json, x.npy, y.npy and convergence.png (default: quickstart-result in the
project's folder). The exit code is the program's: 0 when the fit converged.
EOF
}

out=$root/quickstart-result
while [ $# -gt 0 ]; do
  case "$1" in
    --out)
      [ $# -ge 2 ] || fail "--out needs a folder"
      out=$(realpath -m -- "$2")
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

"$root/scripts/install_dependencies.sh"

jobs=$(build_jobs)
say "Building the program into $(realpath --relative-to=. "$root")/build ($jobs at a time; some minutes the first time)"
configure release >/dev/null
cmake --build "$root/build" --target attnewton --parallel "$jobs"

# Open MPI refuses root unless told otherwise. Ranks are not bound to cores and may share one.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Containers often forbid reading another process' memory; the plain copy costs nothing here.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
data=$root/data/wordgpt_layer1_head0
say "Fitting head 0 of layer 1 of wordgpt: 8192 rows, X 65 x 65, Y 65 x 16, from X = 0, on 2 ranks"
started=$(date +%s) status=0
mpirun -n 2 --bind-to none --oversubscribe "$root/build/src/app/attnewton" solve --problem attention \
  --a1 "$data/input.npy" --append-ones --causal --offsets "$data/offsets.npy" --b "$data/target.npy" \
  --ridge 1e-4 --reference-x "$data/x_true.npy" --reference-y "$data/y_true.npy" \
  --threads 1 --out "$out" || status=$?

if [ "$status" -ne 0 ]; then
  say "The fit ended with exit code $status (README.md says what the codes mean)"
fi
# Only what this run wrote: an older result may lie there.
for file in result.json x.npy y.npy convergence.png; do
  if [ -f "$out/$file" ] && [ "$(stat -c %Y "$out/$file")" -ge "$started" ]; then
    say "Wrote $(realpath --relative-to=. "$out/$file")"
  fi
done
exit "$status"
