#!/usr/bin/env bash
# Checks which module includes which, and that some names stay in their module (docs/architecture.md).
#
#   check_layering.sh ROOT               prints every breach in ROOT/include and ROOT/src; exits 1 if there is one
#   check_layering.sh --self-check ROOT  plants one breach after the other in a copy and checks that each is found
set -euo pipefail
shopt -s nullglob

# module: the modules that it may include besides itself.
declare -A may_include=(
  [core]=""
  [parallel]="core"
  [random]="core"
  [kernels]="core"
  [linalg]="core parallel kernels"
  [io]="core parallel kernels linalg"
  [sketch]="core parallel random kernels linalg"
  [problems]="core parallel random kernels linalg"
  [curvature]="core parallel random kernels linalg sketch problems"
  [solver]="core parallel random kernels linalg sketch problems curvature"
  [pruning]="core parallel random kernels linalg sketch problems curvature solver"
  [bench]="core parallel random kernels linalg sketch problems curvature"
  [report]="core parallel random kernels linalg io sketch problems curvature solver bench"
  [app]="core parallel random kernels linalg io sketch problems curvature solver pruning bench report"
)

breaches=0
breach() {
  echo "$1"
  breaches=$((breaches + 1))
}

check_includes() { # in the folder ROOT
  local folder module path line included
  for folder in include/attnewton/*/ src/*/; do
    module=$(basename "$folder")
    if [ -z "${may_include[$module]+known}" ]; then
      breach "$folder: module '$module' is not in the table of check_layering.sh"
      continue
    fi
    while IFS=: read -r path line included; do
      [[ "$included" =~ [\<\"]attnewton/([a-z_]*) ]]
      included=${BASH_REMATCH[1]}
      if [[ " $module ${may_include[$module]} " != *" $included "* ]]; then
        breach "$path:$line: module '$module' may not include '$included'"
      fi
    done < <(grep -rnE '^\s*#\s*include\s*[<"]attnewton/' "$folder")
    while IFS=: read -r path line _; do
      breach "$path:$line: relative include; write attnewton/<module>/<file>"
    done < <(grep -rnE '^\s*#\s*include\s*"\.\.?/' "$folder")
  done
}

only_in() { # only_in 'FOLDER|FOLDER' PATTERN WHAT
  local path line
  while IFS=: read -r path line _; do
    if [[ ! "$path" =~ ^($1)/ ]]; then breach "$path:$line: only $1 may name $3"; fi
  done < <(grep -rnE --include='*.hpp' --include='*.cpp' "$2" include src)
}

check() { # check ROOT
  cd "$1"
  check_includes
  only_in 'src/app' '<boost/|\bboost::|\bBOOST_' 'Boost'
  only_in 'src/report|src/io' '\bnlohmann\b' 'nlohmann-json'
  only_in 'src/parallel|include/attnewton/parallel' '\bMPI_COMM_WORLD\b' 'MPI_COMM_WORLD'
  only_in 'src/linalg' '\b(p[sdcz][a-z0-9]+_|descinit_|numroc_|Cblacs_[a-z0-9]+)\s*\(' 'ScaLAPACK and BLACS routines'
  [ "$breaches" -eq 0 ]
}

plant() { # plant ROOT FILE LINE: the checker must name this file, or its folder
  local copy output
  copy=$(mktemp -d)
  mkdir -p "$copy/include"
  cp -r "$1/include/attnewton" "$copy/include/"
  cp -r "$1/src" "$copy/"
  mkdir -p "$(dirname "$copy/$2")"
  printf '%s\n' "$3" >"$copy/$2"
  if output=$(check "$copy") || [[ "$output" != *"$2:"* && "$output" != *"$(dirname "$2")/:"* ]]; then
    echo "not found: '$3' in $2"
    breaches=$((breaches + 1))
  fi
  rm -rf "$copy"
}

self_check() { # self_check ROOT
  plant "$1" include/attnewton/core/planted.hpp '#include "attnewton/parallel/communicator.hpp"'
  plant "$1" src/random/planted.cpp '#  include <attnewton/parallel/communicator.hpp>'
  plant "$1" src/kernels/planted.cpp '#include "attnewton/parallel/deterministic.hpp"'
  plant "$1" src/io/planted.cpp '#include "attnewton/problems/problem.hpp"'
  plant "$1" src/solver/planted.cpp '#include "attnewton/report/table.hpp"'
  plant "$1" src/solver/planted.cpp '#include "attnewton/pruning/attention_map.hpp"'
  plant "$1" src/core/planted.cpp '#include "../parallel/communicator.hpp"'
  plant "$1" src/unknown_module/planted.cpp 'int x;'
  plant "$1" src/solver/planted.cpp '#include <boost/program_options.hpp>'
  plant "$1" src/app/planted.cpp 'nlohmann::json x;'
  plant "$1" include/attnewton/report/planted.hpp '#include <nlohmann/json.hpp>'
  plant "$1" include/attnewton/io/planted.hpp '#include <nlohmann/json.hpp>'
  plant "$1" src/solver/planted.cpp 'MPI_Barrier(MPI_COMM_WORLD);'
  plant "$1" src/curvature/planted.cpp 'pdpotrf_(&uplo, &n, a, &i, &j, desc, &info);'
  plant "$1" src/parallel/planted.cpp 'Cblacs_gridexit(context);'
  [ "$breaches" -eq 0 ]
}

if [ $# -eq 2 ] && [ "$1" = --self-check ]; then
  self_check "$2"
elif [ $# -eq 1 ] && [ -d "$1" ]; then
  check "$1"
else
  echo "usage: check_layering.sh [--self-check] ROOT" >&2
  exit 2
fi
