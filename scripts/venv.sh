#!/bin/bash
# Makes a Python environment with what requirements.txt pins: the AWS SDK and
# command line that the end-to-end tests drive ebb with, and whose service models
# the generator reads.
#
#   scripts/venv.sh DIR
#
# Nothing happens if what is wanted is there.
set -euo pipefail

dir=${1:?usage: venv.sh DIR}
want=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/requirements.txt

if [ -x "$dir/bin/aws" ] && cmp -s "$want" "$dir/.requirements"; then
  exit 0
fi
echo "venv: Python environment for the end-to-end tests in $dir"
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check -r "$want"
cp "$want" "$dir/.requirements"
