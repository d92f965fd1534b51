# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# vm_kernel_prepare NAME: makes sure that Debian's stock kernel NAME (6.1 or 6.12) and an initramfs for it are in the
# cache, and sets
#   KERNEL_DIR       the unpacked package: boot/, lib/modules/, vmlinux
#   KERNEL_RELEASE   what uname -r says in the guest
#   KERNEL_INITRD    the initramfs
# The cache is ${XDG_CACHE_HOME:-~/.cache}/redan. What is in it is used without asking apt; to get a newer kernel,
# delete its folder there. Sourced after common.sh and deps.sh.

# shellcheck disable=SC2034  # for scripts/vm
VM_KERNELS="6.1 6.12"

vm_kernel_prepare() {
  local name=$1 cache lock
  cache=$(vm_cache_dir)
  mkdir -p -- "$cache" || die "cannot create the cache folder $cache: set XDG_CACHE_HOME to a folder that is writable"
  cache=$(realpath -- "$cache")
  KERNEL_DIR=$cache/kernel-$name

  # Several scripts/vm may start on an empty cache; the first one fills it.
  exec {lock}>"$cache/kernel-$name.lock"
  flock "$lock"
  [[ -e $KERNEL_DIR/release ]] || kernel_fetch "$name"
  KERNEL_RELEASE=$(<"$KERNEL_DIR/release")
  KERNEL_INITRD=$KERNEL_DIR/initramfs-$(initramfs_version).cpio
  [[ -e $KERNEL_INITRD ]] || initramfs_build
  exec {lock}>&-
}

vm_cache_dir() {
  if [[ -n ${XDG_CACHE_HOME:-} ]]; then
    printf '%s/redan' "$XDG_CACHE_HOME"
  elif [[ -n ${HOME:-} ]]; then
    printf '%s/.cache/redan' "$HOME"
  else
    printf /var/cache/redan
  fi
}

# --- the kernel image ---

kernel_fetch() {
  local name=$1 package work
  package=$(kernel_package "$name")
  work=$(mktemp -d -- "$KERNEL_DIR.XXXXXX")
  if [[ -z $package ]] || ! kernel_download "$package" "$work" 2>/dev/null; then
    # No lists yet, or lists that name a package which the mirror has replaced.
    apt_update
    package=$(kernel_package "$name")
    [[ -n $package ]] || die "apt offers no stock kernel $name: add Debian 12's main and security sources to apt"
    kernel_download "$package" "$work" || die "cannot download $package: check the network and the apt sources"
  fi
  kernel_unpack "$package" "$work"
}

# The newest signed stock image that apt offers; not cloud, rt, dbg or unsigned.
kernel_package() {
  local pattern
  case $1 in
    6.1) pattern='linux-image-6\.1\.0-[0-9]+-amd64' ;;
    6.12) pattern='linux-image-6\.12\.[0-9]+\+deb12-amd64' ;;
  esac
  apt-cache pkgnames linux-image-6 | grep -Ex "$pattern" | sort -V | tail -n 1 || true
}

# kernel_download PACKAGE DIR. apt's own sandbox user cannot write to a private folder and warns about it.
kernel_download() {
  note "downloading $1"
  (cd -- "$2" && apt-get -qq -o APT::Sandbox::User=root download "$1")
}

kernel_unpack() {
  local package=$1 work=$2 release=${1#linux-image-}
  dpkg-deb -x "$work/$package"_*.deb "$work/tree" || die "cannot unpack $package: is the disk full?"
  # Newer packages may ship usr/lib/modules instead; the guest is given lib/modules/RELEASE either way.
  [[ -d $work/tree/lib/modules/$release ]] || ln -s usr/lib "$work/tree/lib"
  depmod -b "$work/tree" "$release" || die "depmod failed on $package"
  kernel_extract "$work/tree/boot/vmlinuz-$release" "$work/tree/vmlinux"
  printf '%s\n' "$release" >"$work/tree/release"
  rm -rf -- "$KERNEL_DIR"
  mv -- "$work/tree" "$KERNEL_DIR"
  rm -rf -- "$work"
}

# kernel_extract BZIMAGE VMLINUX. An emulated processor takes up to three seconds to decompress a kernel, at every boot.
# So the ELF image is taken out once; QEMU starts it by its PVH entry point. Offsets: Documentation/arch/x86/boot.rst.
kernel_extract() {
  local image=$1 vmlinux=$2 sectors offset length unpack
  sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
  offset=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
  length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
  offset=$(((sectors + 1) * 512 + offset))
  case $(od -An -tx1 -j "$offset" -N 4 "$image") in
    " fd 37 7a 58") unpack=xz ;;
    " 28 b5 2f fd") unpack=zstd ;;
    *) die "$image is compressed in a way that this script does not know (xz and zstd it does)" ;;
  esac
  # The last four bytes are the unpacked size, which the build of the kernel appends.
  dd if="$image" iflag=skip_bytes,count_bytes skip="$offset" count=$((length - 4)) bs=1M status=none |
    "$unpack" -dc >"$vmlinux" || die "cannot decompress the kernel in $image"
}

# --- the initramfs ---

# Changes whenever the contents would.
initramfs_version() {
  cat -- "$REPO"/scripts/lib/vm_{init,guest,kernel.sh} /bin/busybox | sha256sum | head -c 12
}

initramfs_build() {
  local work
  # Those of older scripts; a checkout that still uses one builds it again.
  find "$KERNEL_DIR" -maxdepth 1 -name 'initramfs-*' -mtime +7 -exec rm -rf -- {} +
  work=$(mktemp -d -- "$KERNEL_DIR/initramfs.XXXXXX")
  mkdir -p "$work"/{bin,modules}
  cp -- /bin/busybox "$work/bin/busybox"
  install -m 0755 -- "$REPO/scripts/lib/vm_init" "$work/init"
  install -m 0755 -- "$REPO/scripts/lib/vm_guest" "$work/guest"
  initramfs_modules "$work/modules"
  (cd -- "$work" && find . | cpio --quiet -o -H newc -R 0:0) >"$work.cpio"
  mv -- "$work.cpio" "$KERNEL_INITRD"
  rm -rf -- "$work"
}

# Copies what it takes to mount the root file system and to talk to the host, and writes the order to load it in.
initramfs_modules() {
  local into=$1 module path name
  for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
    modprobe -C /dev/null -d "$KERNEL_DIR" -S "$KERNEL_RELEASE" --show-depends "$module" ||
      die "kernel $KERNEL_RELEASE has no module $module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
    name=${path##*/}
    case $name in
      *.xz) name=${name%.xz} && xz -dc -- "$path" >"$into/$name" ;;
      *) cp -- "$path" "$into/$name" ;;
    esac
    printf '%s\n' "$name"
  done >"$into/order"
}
