#!/usr/bin/env bash
# Runs a command with the kernels of one instruction set; exits 77 (skipped) where the machine cannot run them.
#
#   with_kernels.sh AVAILABLE_KERNELS SET COMMAND...
set -euo pipefail
available=$("$1")
if ! grep -qx -- "$2" <<< "$available"; then
  echo "this machine has no $2"
  exit 77
fi
export ATTNEWTON_KERNELS=$2
shift 2
exec "$@"
