#!/bin/bash
# Runs a go test command, keeps all that it prints in LOG, and lists at the very
# end what failed, each with the start and the end of its own message: of a long
# log one often sees the last lines only. The exit code is the command's.
#
#   scripts/test.sh LOG go test ./...
set -uo pipefail
log=$1
shift
mkdir -p "$(dirname "$log")"
"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
  awk -f "$(dirname "${BASH_SOURCE[0]}")/failures.awk" "$log"
  echo "exit code $status; everything is in $log"
fi
exit "$status"
