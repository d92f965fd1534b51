# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every script shares: the checkout's path and one form for messages. Sourced, never run.

set -euo pipefail

# Used by the scripts that source this file.
# shellcheck disable=SC2034
REPO=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
PROGRAM=scripts/${0##*/}

# Debian keeps depmod and modprobe out of an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

note() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }

# die MESSAGE [EXIT CODE]
die() {
  note "$1"
  exit "${2:-1}"
}

# The usage text of a script is its header comment.
usage() { sed -n '3,/^$/s/^#\( \|$\)//p' -- "$0"; }

usage_error() { die "$1 (see $PROGRAM --help)" 2; }

# as_root COMMAND...: with sudo where the user is not root.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "'$1' needs root, and there is no sudo: run $PROGRAM as root"
  fi
}

# A word in quotes that every shell reads back unchanged.
quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# A command line as a person would type it: quotes only where they are needed.
shown() {
  local word line=""
  for word; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word=$(quote "$word")
    line+="${line:+ }$word"
  done
  printf '%s' "$line"
}
