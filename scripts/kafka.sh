#!/bin/bash
# Fetches Apache Kafka, which the tests of Kafka triggers start, from Maven
# Central into DIR: a folder of jars that "java -cp 'DIR/*'" runs.
#
#   scripts/kafka.sh DIR
#
# Nothing happens if what is wanted is there. It takes a JDK and Maven, and fails if
# something cannot be fetched.
set -euo pipefail

dir=${1:?usage: kafka.sh DIR}
pom=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/kafka/pom.xml

if cmp -s "$pom" "$dir/.pom"; then
  exit 0
fi
echo "kafka: fetching Apache Kafka for the tests into $dir"
new=$dir.new
rm -rf "$new"
mkdir -p "$new"
# Offline if all is there already; the network is asked only for what is not.
mvn -q -B -o -f "$pom" dependency:copy-dependencies -DoutputDirectory="$new" >/dev/null 2>&1 ||
  mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$new"
cp "$pom" "$new/.pom"
rm -rf "$dir"
mv "$new" "$dir"
