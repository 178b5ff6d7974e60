#!/bin/bash
# Runs every fuzz target of the module for a while, one after the other: "go
# test -fuzz" takes one target of one package at a time.
#
#   scripts/fuzz.sh TIME
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-30s}
count=0
while IFS= read -r file; do
  package=./$(dirname "$file")
  while IFS= read -r target; do
    echo "== $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
    count=$((count + 1))
  done < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file")
done < <(git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | sort)
echo "fuzz: $count targets, no failure"
[ "$count" -gt 0 ]
