#!/bin/bash
# Fetches the web frameworks that the tests of web functions run: Express into
# DIR/node, Spring Boot into DIR/java. (Flask is in the Python environment, see
# requirements.txt.)
#
#   scripts/frameworks.sh DIR
#
# Nothing happens if what is wanted is there. It takes npm, a JDK and Maven, and fails
# if something cannot be fetched.
set -euo pipefail

dir=${1:?usage: frameworks.sh DIR}
pom=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/frameworks/pom.xml
express=4.21.2

# keep NAME VERSION COMMAND... has COMMAND fill DIR/NAME, unless it is there.
keep() {
  local name=$1 version=$2 new=$dir/$1.new
  shift 2
  if [ "$(cat "$dir/$name/.version" 2>/dev/null)" = "$version" ]; then
    return
  fi
  echo "frameworks: fetching $name for the tests into $dir"
  rm -rf "$new"
  mkdir -p "$new"
  "$@" "$new"
  echo "$version" >"$new/.version"
  rm -rf "${dir:?}/$name"
  mv "$new" "$dir/$name"
}

fetch_express() {
  npm install --silent --no-audit --no-fund --no-save --prefix "$1" "express@$express" >/dev/null
}

# Offline if all is there already; the network is asked only for what is not.
fetch_spring() {
  mvn -q -B -o -f "$pom" dependency:copy-dependencies -DoutputDirectory="$1" >/dev/null 2>&1 ||
    mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$1"
}

keep node "$express" fetch_express
keep java "$(cksum <"$pom")" fetch_spring
