#!/usr/bin/env bash
# Lints the project's sources and headers with clang-tidy, by the rules of .clang-tidy. build/ must be configured. test.sh runs this.
#
#   scripts/lint.sh [FOLDER]       FOLDER: only the sources below it, such as src/solver
#
# Nearly all of clang-tidy's time goes into Eigen, oneTBB and GoogleTest, which each source includes. So it reads the sources in batches
# (lint_batches.awk), a file of #includes each. What it finds in a batch is settled by the batch's sources one by one: names of two
# sources that clash when read together take time, but fail nothing.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

database=$root/build/compile_commands.json batches=$root/build/lint
[ -f "$database" ] || fail "there is no build/compile_commands.json. Configure first: cmake --preset ci -G Ninja"
[ $# -eq 0 ] || [ -d "$1" ] || fail "there is no folder $1"

tidy() { # tidy SOURCE
  clang-tidy-14 -p "$batches" --config-file="$root/.clang-tidy" --quiet "$1" 2>&1 |
    { grep -v -E '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' || true; }
}

lint_batch() { # lint_batch BATCH
  local source status=0
  if tidy "$1" >"$1.log"; then return; fi
  while IFS= read -r source; do
    tidy "$source" || status=1
  done < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$1")
  if [ "$status" -eq 0 ]; then say "Names clash in ${1#"$root"/} (see its .log): its sources, clean one by one, took longer"; fi
  return "$status"
}
export -f say tidy lint_batch
export root batches

rm -rf "$batches"
mkdir -p "$batches"
awk -v root="$root" -v below="$root/${1+${1%/}/}" -v folder="$batches" -v most=12 -f scripts/lint_batches.awk "$database"
sources=$(find "$batches" -name '*.cpp' -exec cat {} + | wc -l)
[ "$sources" -gt 0 ] || fail "build/compile_commands.json names no source below ${1-src or mpi_tests}"
say "Linting $sources sources"
# shellcheck disable=SC2016
find "$batches" -name '*.cpp' -print0 | sort -z |
  xargs -0 -n 1 -P "$(build_jobs)" bash -euo pipefail -c 'lint_batch "$1"' lint
