#!/usr/bin/env bash
# Builds everything into build/ with warnings as errors and runs all tests. CI runs this.
#
#   scripts/test.sh [--quick]      --quick: without clang-tidy
#
# The last line says `N passed, N failed`; the exit code is 0 when none failed.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

quick=no
case "${1-}" in
  "") ;;
  --quick) quick=yes ;;
  *)
    echo "usage: test.sh [--quick]" >&2
    exit 2
    ;;
esac

passed=0 failed=0
count() { # count NAME STATUS SINCE
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
    say "$1: passed ($((SECONDS - $3)) s)"
  else
    failed=$((failed + 1))
    say "$1: FAILED ($((SECONDS - $3)) s)"
  fi
}
stop() {
  say "$1"
  echo "0 passed, 1 failed"
  exit 1
}

"$root/scripts/install_dependencies.sh" --tests || stop "Packages are missing: nothing was built"
cd "$root"
jobs=$(build_jobs)

say "Configuring and building (preset ci, $jobs at a time)"
since=$SECONDS
configure ci -DBUILD_TESTING=ON || stop "Configuring failed: no test ran"
cmake --build build --parallel "$jobs" || stop "The build failed: no test ran"
say "Built ($((SECONDS - since)) s)"

folders=()
for folder in include src mpi_tests benchmarks examples; do
  if [ -d "$folder" ]; then folders+=("$folder"); fi
done

since=$SECONDS status=0
find "${folders[@]}" \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  xargs -0 clang-format-14 --dry-run -Werror || status=$?
count "clang-format" "$status" "$since"

if [ "$quick" = no ]; then
  since=$SECONDS status=0
  "$root/scripts/lint.sh" || status=$?
  count "clang-tidy" "$status" "$since"
fi

junit=$root/build/ctest.xml
rm -f "$junit"
since=$SECONDS status=0
ctest --test-dir build --parallel "$(nproc)" --output-on-failure --no-tests=error --output-junit "$junit" || status=$?

# Each <testcase> has status run, fail, disabled or notrun; a test that says of itself that it skips is 'notrun' with SKIP_.
outcome() { grep -c -E "$1" "$junit" 2>/dev/null || true; }
ctest_passed=$(outcome '<testcase .*status="run"')
skipped=$(outcome '<skipped message="SKIP_|<testcase .*status="disabled"')
total=$(outcome '<testcase ')
ctest_failed=$((${total:-0} - ${ctest_passed:-0} - ${skipped:-0}))
if [ "$status" -ne 0 ] && [ "$ctest_failed" -eq 0 ]; then ctest_failed=1; fi
say "ctest: ${ctest_passed:-0} passed, $ctest_failed failed ($((SECONDS - since)) s)"
passed=$((passed + ${ctest_passed:-0}))
failed=$((failed + ctest_failed))

line="$passed passed, $failed failed"
if [ "${skipped:-0}" -gt 0 ]; then line+=", $skipped skipped"; fi
echo "$line"
[ "$failed" -eq 0 ]
