#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the test files of a folder, one after the other, on the kernel that is running: inside a virtual machine
# (scripts/vm -- tests/vm/run_suite.sh) or, for tests/host, on this machine. Needs root and build/release.
#
# Usage: tests/vm/run_suite.sh [FOLDER [FILE[=CASES]...]]        [tests/vm, all files]
#
# CASES is a pattern: only cases of such names.
#
# A test file is FOLDER/test_*.py. It is run with --agent PROGRAM --results DIR (a folder of its own), and prints a line
# for each case and one at its end:
#   ok NAME  |  not ok NAME: reason  |  skip NAME: reason
#   FILE: N passed, N failed, N skipped
# A file that ends without the last line, or not with 0 although no case failed, is a failure itself.
#
# Environment: REDAN_RESULTS (required: where to write), REDAN_VM (the scripts/vm call that repeats this machine),
# REDAN_KERNEL_VARIANT and REDAN_TEST_FULL (passed to the tests), REDAN_FILE_TIMEOUT (seconds for each file [900]).
#
# $REDAN_RESULTS/summary gets a line "FILE PASSED FAILED SKIPPED SECONDS" after each file and "total …" at the end.
# Exit code: 0 all passed, 1 something failed, 2 could not start.

set -euo pipefail
cd -- "$(dirname -- "$0")/../.."

folder=${1:-tests/vm}
agent=build/release/bin/redan
limit=${REDAN_FILE_TIMEOUT:-900}
total_passed=0 total_failed=0 total_skipped=0

die() {
  printf 'tests/vm/run_suite.sh: %s\n' "$1" >&2
  exit 2
}

# Runs FILE, of it the cases CASES, with its output on stdout and in $log; sets $code. The output goes through a file, not a pipe, so that a
# process which a test left behind cannot keep us waiting.
run_file() {
  local file=$1 kept=$2 wanted=$3 pid
  : >"$log"
  timeout --kill-after=10 "$limit" python3 "$file" --agent "$agent" --results "$kept" --only "$wanted" >"$log" 2>&1 </dev/null &
  pid=$!
  tail -n +1 -s 0.1 -f --pid="$pid" -- "$log" &
  code=0
  wait "$pid" || code=$?
  wait $! || true
  cp -- "$log" "$kept/output.log"
}

# Sets $passed, $failed, $skipped from $log and $code; what the cases do not say is printed as a case of the file's own.
count_cases() {
  local name=$1 closing
  passed=$(grep -c '^ok ' "$log" || true)
  failed=$(grep -c '^not ok ' "$log" || true)
  skipped=$(grep -c '^skip ' "$log" || true)
  closing=$(grep -xE "$name: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped" "$log" | tail -n 1 || true)

  if [[ $code == 124 || $code == 137 ]]; then
    own_failure "$name" "killed after $limit s, or from outside (exit code $code)"
  elif [[ -z $closing ]]; then
    own_failure "$name" "ended without its closing line (exit code $code)"
  elif [[ $closing != "$name: $passed passed, $failed failed, $skipped skipped" ]]; then
    own_failure "$name" "its closing line does not match its cases ($passed passed, $failed failed, $skipped skipped)"
  elif [[ $code != 0 && $failed == 0 ]]; then
    own_failure "$name" "exit code $code although no case failed"
  fi
}

own_failure() {
  printf 'not ok %s: %s\n' "$1" "$2"
  failed=$((failed + 1))
}

print_repeat() {
  local variables="" machine=${REDAN_VM:+"$REDAN_VM -- "}
  [[ -z ${REDAN_KERNEL_VARIANT:-} ]] || variables+="REDAN_KERNEL_VARIANT=$REDAN_KERNEL_VARIANT "
  [[ -z ${REDAN_TEST_FULL:-} ]] || variables+="REDAN_TEST_FULL=$REDAN_TEST_FULL "
  printf 'repeat with: %s%spython3 %s --agent %s\n' "$variables" "$machine" "$1" "$agent"
}

[[ -n ${REDAN_RESULTS:-} ]] || die "REDAN_RESULTS is not set: run me with scripts/vm or scripts/test"
[[ -x $agent ]] || die "no $agent: build it with scripts/build release"
((EUID == 0)) || die "needs root"
shopt -s nullglob
if (($# > 1)); then
  files=("${@:2}")
  files=("${files[@]/#/$folder/}")
else
  files=("$folder"/test_*.py)
fi
((${#files[@]})) || die "no test files in $folder"

# The tests run with Debian's programs, whatever the caller's PATH puts before them; and their lines come as they occur.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
: >"$REDAN_RESULTS/summary"

for file in "${files[@]}"; do
  wanted="*"
  [[ $file != *=* ]] || wanted=${file#*=}
  file=${file%%=*}
  name=${file##*/}
  started=$SECONDS
  printf '== %s\n' "$file"
  mkdir -p -- "$REDAN_RESULTS/${name%.py}"
  run_file "$file" "$REDAN_RESULTS/${name%.py}" "$wanted"
  count_cases "$name"
  ((failed == 0)) || print_repeat "$file"
  printf '%s %s %s %s %s\n' "$name" "$passed" "$failed" "$skipped" $((SECONDS - started)) |
    tee -a "$REDAN_RESULTS/summary" | awk '{ print "== " $1 " took " $5 " s" }'
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
  total_skipped=$((total_skipped + skipped))
done
printf 'total %s %s %s %s\n' "$total_passed" "$total_failed" "$total_skipped" "$SECONDS" >>"$REDAN_RESULTS/summary"
((total_failed == 0))
