#!/bin/bash
# Installs what this host lacks: of what building ebb and the demo need, with
# "test" also of what the tests need.
#
#   scripts/deps.sh [test]
#
# Nothing is touched when all is there already, so this is cheap to run before
# every build. EBB_NO_APT=1 forbids apt-get: what is missing is named instead.
set -euo pipefail

for_tests=${1:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

have() { command -v "$1" >/dev/null 2>&1; }

check_go() {
  local need got
  need=$(awk '$1 == "go" {print $2}' "$here/../go.mod")
  if ! have go; then
    echo "deps: Go is missing: install Go $need or newer (https://go.dev/dl/) and put its bin folder on PATH" >&2
    exit 1
  fi
  got=$(GOTOOLCHAIN=local go env GOVERSION)
  got=${got#go}
  if [ "$(printf '%s\n%s\n' "$need" "$got" | sort -V | head -1)" != "$need" ] \
      && [ "$(go env GOTOOLCHAIN)" = local ]; then
    echo "deps: this is Go $got, ebb needs $need or newer (https://go.dev/dl/)" >&2
    exit 1
  fi
}

# Debian packages for what is missing, one per line.
missing() {
  have git || echo git
  have python3 || echo python3
  python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
  have node || have nodejs || echo nodejs
  have javac || echo default-jdk-headless # the Java bootstrap is built with these
  have mvn || echo maven
  # The tools of e2fsprogs live in sbin, which is not on everyone's PATH.
  PATH="$PATH:/usr/sbin:/sbin" have mkfs.ext4 || echo e2fsprogs
  [ "$for_tests" = test ] || return 0
  have gcc || echo gcc libc6-dev          # go test -race links with it
  have timeout || echo coreutils
  have curl || echo curl
  have openssl || echo openssl
  have npm || echo npm
  # Tests make a PostgreSQL of their own; Debian keeps its programs off the PATH.
  have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
}

install_packages() {
  local packages=("$@") sudo=""
  if [ "${EBB_NO_APT:-}" = 1 ] || ! have apt-get; then
    explain "${packages[@]}"
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    if ! have sudo || ! sudo -n true 2>/dev/null; then
      echo "deps: missing: ${packages[*]}" >&2
      echo "deps: run this, then make again:  sudo apt-get install ${packages[*]}" >&2
      exit 1
    fi
    sudo="sudo -n"
  fi
  echo "deps: installing ${packages[*]}"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  case " ${packages[*]} " in *" postgresql "*) no_cluster "$sudo" ;; esac
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

# Debian's package would make and start a server of its own, which nobody needs
# here. What says so is removed again by the trap.
no_cluster() {
  local sudo=$1 say=/etc/postgresql-common/createcluster.d/ebb-deps.conf
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common
  $sudo mkdir -p "${say%/*}"
  # shellcheck disable=SC2064 # as they are now
  trap "$sudo rm -f $say" EXIT
  echo 'create_main_cluster = false' | $sudo tee "$say" >/dev/null
}

explain() {
  cat >&2 <<TEXT
deps: this host lacks: $*   (names of Debian packages)
Install the like of them with your own package manager, then make again:
  Fedora, RHEL   dnf install gcc git curl openssl python3 nodejs npm e2fsprogs java-devel maven postgresql-server
  openSUSE       zypper install gcc git curl openssl python3 nodejs npm e2fsprogs java-devel maven postgresql-server
  Alpine         apk add build-base bash coreutils git curl openssl python3 nodejs npm e2fsprogs openjdk17 maven postgresql
  Arch           pacman -S gcc git curl openssl python nodejs npm e2fsprogs jdk-openjdk maven postgresql
  macOS          xcode-select --install; brew install python node coreutils maven postgresql
                 (boxes are plain processes there: see "ebb doctor")
TEXT
}

check_go
lacking=$(missing | tr ' ' '\n' | sort -u | tr '\n' ' ')
if [ -n "${lacking// /}" ]; then
  # shellcheck disable=SC2086 # one word per package
  install_packages $lacking
fi
