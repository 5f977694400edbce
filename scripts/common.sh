# shellcheck shell=bash
# Shared by the scripts of this folder (bash; source it). Sets `root`, the project's folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '== %s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# How many compilers to run at once: one a core, but no more than memory allows (Eigen takes about 1.5 GB each).
build_jobs() {
  local cores memory_kib jobs
  cores=$(nproc)
  memory_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null || true)
  jobs=$((${memory_kib:-0} / 1572864))
  if [ "$jobs" -lt 1 ]; then jobs=1; fi
  if [ "$jobs" -gt "$cores" ]; then jobs=$cores; fi
  echo "$jobs"
}

# configure PRESET [option...]: configures build/. A build folder keeps the generator that it was made with.
configure() {
  local preset=$1 generator=(-G Ninja)
  shift
  if [ -f "$root/build/CMakeCache.txt" ]; then generator=(); fi
  (cd "$root" && cmake --preset "$preset" "${generator[@]}" "$@")
}
