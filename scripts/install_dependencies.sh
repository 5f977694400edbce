#!/usr/bin/env bash
# Installs what attnewton needs on Debian 12. Silent when nothing is missing.
#
#   scripts/install_dependencies.sh [--tests]     --tests: also what scripts/test.sh needs
set -euo pipefail

packages=(
  g++ cmake ninja-build git pkg-config           # compiler and build tools
  libopenmpi-dev openmpi-bin                     # MPI
  libscalapack-openmpi-dev libopenblas-pthread-dev # dense linear algebra, distributed and local
  libtbb-dev libeigen3-dev                       # threads, matrices
  libboost-program-options-dev libfmt-dev nlohmann-json3-dev # options, text, reports
  libfftw3-dev                                   # Fourier transforms
  librandom123-dev libxxhash-dev                 # random streams, checksums
  libgtest-dev                                   # tests, which the build configures
  gnuplot-nox                                    # convergence.png
)

case "${1-}" in
  "") ;;
  --tests) packages+=(clang-format-14 clang-tidy-14 python3-numpy) ;;
  *)
    echo "usage: install_dependencies.sh [--tests]" >&2
    exit 2
    ;;
esac

system_id=unknown system_version=""
if [ -r /etc/os-release ]; then
  system_id=$(. /etc/os-release && echo "${ID-unknown}")
  system_version=$(. /etc/os-release && echo "${VERSION_ID-}")
fi
if [ "$system_id" != debian ] || ! command -v apt-get >/dev/null; then
  cat <<EOF
attnewton is built and tested on Debian 12; this is $system_id ${system_version}. Nothing is installed. Needed, by Debian's names:
  ${packages[*]}
Going on; the configure step says what it does not find.
EOF
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null || true)
  if ! grep -qx installed <<<"$status"; then missing+=("$package"); fi
done

if [ ${#missing[@]} -gt 0 ]; then
  echo "attnewton is built from Debian's packages (compiler, MPI, ScaLAPACK and the libraries around them). Missing here:"
  echo "  ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Not root, and there is no sudo. Have this run as root, then start again:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing them with ${as_root[*]:+sudo }apt-get (everything together takes 1.2 GB on disk and a few minutes)."
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=500 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update
  log=$(mktemp)
  if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "apt-get could not install: ${missing[*]}" >&2
    exit 1
  fi
  rm -f "$log"
fi

# Debian chooses the BLAS behind ScaLAPACK at run time, by alternatives. OpenBLAS without threads (openblas-serial) is not
# thread safe, and the others are slow.
blas=$(update-alternatives --get-selections | awk '$1 ~ /^libblas\.so\.3/ {print $1, $3}' | sort -u)
if [ -n "$blas" ] && [[ "$blas" != */openblas-pthread/* ]]; then
  cat <<EOF
Note: the active BLAS is ${blas#* }, not OpenBLAS with threads.
openblas-serial is not thread safe, the others are slow. To switch:  update-alternatives --config ${blas% *}
EOF
fi
