# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# deps_install GROUP...: installs the packages of these groups (scripts/lib/packages) that are missing. Nothing missing
# costs one dpkg-query and no network. Sourced after common.sh.

deps_install() {
  command -v dpkg-query >/dev/null || die "no dpkg here: the scripts install their packages on Debian 12 only"
  local missing
  mapfile -t missing < <(deps_missing "$@")
  ((${#missing[@]})) || return 0
  note "installing ${missing[*]}"
  apt_update
  apt_run "cannot install ${missing[*]}" install -y --no-install-recommends "${missing[@]}"
}

deps_missing() {
  local wanted
  mapfile -t wanted < <(deps_of_groups "$@")
  # dpkg-query fails as soon as one package is unknown; what it knows is printed all the same.
  comm -23 <(printf '%s\n' "${wanted[@]}") \
    <({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } |
      sed -n 's/^installed //p' | sort -u)
}

deps_of_groups() {
  awk -v groups=" $* " '$2 != "" && index(groups, " " $1 " ") { print $2 }' "$REPO/scripts/lib/packages" | sort -u
}

apt_update() { apt_run "cannot read the package lists" update; }

# apt_run WHAT-FAILED ARGUMENTS...: apt-get as root, silent unless it fails.
apt_run() {
  local failed=$1 output
  shift
  output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q "$@" 2>&1) || {
    printf '%s\n' "$output" >&2
    die "$failed: apt-get $1 failed (output above); check the network and the apt sources of this machine"
  }
}
