#!/bin/bash
# Runs a go test command, keeps all that it prints in LOG, and lists at the very
# end what failed, each with the start and the end of its own message: of a long
# log one often sees the last lines only. The exit code is the command's.
#
# One or two tests that failed, and nothing worse, are run again alone: three times
# each, with the same flags. Who passes all three is told as flaky, which is a fault
# too, but not the last change's. A race, a panic, a leak, a package that does not
# compile or more failures than two are final. RERUN=0 makes every failure final.
#
#   scripts/test.sh LOG go test ./first ./...
set -uo pipefail
log=$1
shift
mkdir -p "$(dirname "$log")"
"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
[ "$status" -ne 0 ] || exit 0
list=$(awk -f "$(dirname "${BASH_SOURCE[0]}")/failures.awk" "$log")
echo "$list"

# The names under "== failed:" as "PACKAGE TEST", without subtests; empty if one of
# them is something else.
names=$(sed '1,/^== failed:$/d' <<<"$list" | awk '
  match($0, /^   [^ :]+: Test[^ \/]+/) && !/DATA RACE/ { sub(/:$/, "", $1); sub(/\/.*/, "", $2); print $1, $2; next }
  { print "other" }' | sort -u)
# The command without the packages that it ends with.
while [[ ${*: -1} == ./* ]]; do set -- "${@:1:$#-1}"; done
if [ "${RERUN:-1}" != 0 ] && [ -n "$names" ] && ! grep -q '^other$' <<<"$names" && [ "$(wc -l <<<"$names")" -le 2 ]; then
  again=0
  while read -r package test; do
    echo "== again, three times: $package $test"
    "$@" -count=3 -run "^$test\$" "$package" </dev/null 2>&1 | tee -a "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || again=1
  done <<<"$names"
  if [ "$again" -eq 0 ]; then
    printf '\n== flaky: failed once, passed three times alone\n%s\n' "$(sed 's/^/   /' <<<"$names")" | tee -a "$log"
    exit 0
  fi
fi
echo "exit code $status; everything is in $log"
exit "$status"
