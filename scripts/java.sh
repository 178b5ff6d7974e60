#!/bin/bash
# Builds the Java bootstrap into runtimes/java/dist, where ebb embeds it from.
#
# Nothing happens if its sources are those of the jar that is there. Without a
# JDK or Maven, or with EBB_NO_JAVA=1, this says so and succeeds: ebb is then
# built without Java, and tells whoever asks for it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../runtimes/java" && pwd)
cd "$here"
jar=dist/ebb-runtime.jar
built=dist/.built

sources() { find pom.xml src/main -type f -print0 | LC_ALL=C sort -z | xargs -0 cksum; }

if [ -f "$jar" ] && [ "$(cat "$built" 2>/dev/null)" = "$(sources)" ]; then
  exit 0
fi
rm -f "$jar" "$built" # an old one would not be what the sources say

if [ "${EBB_NO_JAVA:-}" = 1 ]; then
  echo "java: EBB_NO_JAVA is set: ebb is built without its Java runtime" >&2
  exit 0
fi
for tool in javac mvn; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "java: no $tool: ebb is built without its Java runtime (install a JDK of 11 or later and Maven)" >&2
    exit 0
  fi
done

echo "java: building the Java bootstrap"
# Offline if all is there already; the network is asked only for what is not.
if ! mvn -q -B -o package -DskipTests >/dev/null 2>&1; then
  mvn -q -B package -DskipTests || {
    echo "java: the Java bootstrap could not be built; EBB_NO_JAVA=1 builds ebb without it" >&2
    exit 1
  }
fi
cp target/ebb-runtime.jar dist/.new # go:embed does not see a name with a dot
mv dist/.new "$jar"
sources >"$built"
