#!/bin/bash
# Runs every fuzz target of the module for a while, one after the other: "go
# test -fuzz" takes one target of one package at a time. All are run, whatever one
# of them finds; at the end stands what each did. An input that was found lies in the
# package's testdata/fuzz: it is committed together with what mends it.
#
#   scripts/fuzz.sh TIME [PATTERN]
#
# PATTERN chooses targets, written as "./internal/asl FuzzPath".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:?usage: fuzz.sh TIME [PATTERN]}
pattern=${2:-}
# Targets that write files run twenty times faster in memory.
memory=/dev/shm
[ -w "$memory" ] || memory=${TMPDIR:-/tmp}
scratch=$(mktemp -d "$memory/ebb-fuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out
report="" count=0 failed=0
while IFS= read -r file; do
  package=./$(dirname "$file")
  while IFS= read -r target; do
    [[ "$package $target" =~ $pattern ]] || continue
    echo "== $package $target for $time"
    result=ok
    # Every input that reaches something new is made smaller first: of slow targets
    # that would take all their time.
    GOTMPDIR=$scratch go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 100x \
      "$package" </dev/null 2>&1 | tee "$out" || result=FAILED
    [ "$result" = ok ] || failed=$((failed + 1))
    count=$((count + 1))
    did=$(sed -n 's/^fuzz: elapsed: [^,]*, execs: \([0-9]*\) .*new interesting: \([0-9]*\) .*/\1 executions, \2 new interesting inputs/p' "$out" | tail -1)
    report+="$(printf '%-6s %s %s: %s' "$result" "$package" "$target" "${did:-nothing was executed}")"$'\n'
  done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | sort)
printf '\n%s' "$report"
echo "fuzz: $count targets, $failed failed"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
