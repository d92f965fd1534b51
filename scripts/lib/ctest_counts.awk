# SPDX-License-Identifier: Apache-2.0
#
# Reads the output of "ctest --verbose" and counts test cases instead of programs: doctest and Python's unittest say how
# many they ran; a program that says nothing is one case. Prints the output of each failed program and a line about
# every program with something failed or skipped, and at the end "counts PASSED FAILED SKIPPED".

# "12: text" is the output of test 12.
match($0, /^[0-9]+: /) {
  id = substr($0, 1, RLENGTH - 2)
  text = substr($0, RLENGTH + 1)
  output[id] = output[id] text "\n"
  gsub(/\033\[[0-9;]*m/, "", text)
}

# [doctest] test cases:  3 |  2 passed | 1 failed | 0 skipped
text ~ /^\[doctest\] test cases:/ {
  split(text, column, "|")
  passed[id] += column[2]
  failed[id] += column[3]
  skipped[id] += column[4]
}

# Ran 5 tests in 0.1s, then "OK (skipped=1)" or "FAILED (failures=1, errors=2, skipped=1)"
text ~ /^Ran [0-9]+ tests? in / { split(text, word, " "); ran[id] = word[2] }
text ~ /^(OK|FAILED)( \(|$)/ && id in ran {
  failed[id] = value(text, "failures") + value(text, "errors")
  skipped[id] = value(text, "skipped")
  passed[id] = ran[id] - failed[id] - skipped[id]
  delete ran[id]
}

{ text = "" }

# 3/7 Test #12: unit.base ......   Passed    0.05 sec     or   ***Failed, ***Timeout, ***Exception: SegFault, ***Not Run
/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
  match($0, /#[0-9]+/)
  id = substr($0, RSTART + 1, RLENGTH - 1)
  match($0, /#[0-9]+: +[^ ]+/)
  name = substr($0, RSTART, RLENGTH)
  sub(/#[0-9]+: +/, "", name)
  finish(id, name, $0 ~ / Passed +[0-9.]+ sec/)
}

END { print "counts", all_passed + 0, all_failed + 0, all_skipped + 0 }

function finish(id, name, good) {
  if (good && passed[id] + failed[id] + skipped[id] == 0) passed[id] = 1
  # A crash, a sanitizer's report, a timeout: a failure beside those of the cases.
  if (!good && failed[id] == 0) failed[id] = 1
  if (!good) printf "%snot ok %s: %d failed (output above)\n", output[id], name, failed[id]
  if (skipped[id]) printf "skip %s: %d test cases that are marked as skipped in the source\n", name, skipped[id]
  all_passed += passed[id]
  all_failed += failed[id]
  all_skipped += skipped[id]
}

function value(text, key) {
  return match(text, key "=[0-9]+") ? substr(text, RSTART + length(key) + 1, RLENGTH - length(key) - 1) + 0 : 0
}
