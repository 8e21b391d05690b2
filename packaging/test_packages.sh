#!/usr/bin/env bash
# The packages of build/packages in a clean system (debootstrap, nothing but the base and a virtual display): installed, started, a
# story written in the window without a network, removed, and nothing left behind but the user's data. Needs root; about four minutes.
#   packaging/test_packages.sh [MODEL.gguf]   the story is written with the model that comes with Fabula, or with this one
# Ends with 77 where no clean system can be made (no name spaces, no mirror): that says nothing about the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
source packaging/setup/setup.sh
model=${1:-}
out=build/packages
[ "$(id -u)" = 0 ] || die "a clean system can only be made as root"
ensure_packages packaging/setup/packages-package.txt

no_system() { say "no clean system can be made here: $*"; exit 77; }
unshare --net --mount true 2>/dev/null || no_system "no name spaces"

root=$(mktemp -d "${TMPDIR:-/tmp}/fabula-root.XXXXXX")
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
cleanup() { umount -l "$root/proc" "$root/dev/shm" 2>/dev/null || true; rm -rf --one-file-system "$root"; }
trap cleanup EXIT

# The distribution's own mirror and settings as this machine has them.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
(run_step "make a clean system" debootstrap --variant=minbase bookworm "$root" "${mirror:-none}") || no_system "debootstrap failed"
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm" && mount -t tmpfs tmpfs "$root/dev/shm"
cp "$out"/*.deb "$out"/*.tar.zst ${model:+"$model"} packaging/write_a_story.py "$root/root/"
inside_model=${model:+/root/$(basename "$model")}
run_step "install the deb in the clean system" inside sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends xvfb xdotool python3 zstd libgl1-mesa-dri fonts-dejavu-core && find / -xdev -path /proc -prune -o -path /root -prune -o -print | sort >/root/before && apt-get install -q -y --no-install-recommends /root/*.deb'

# Without a network: a namespace that has no interface up.
offline() { unshare --net chroot "$root" env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
run_step "fabula-cli in the clean system" offline sh -c "fabula-cli --version && fabula-cli models list && fabula-cli generate -m '${inside_model:-fabula-story}' -p 'Once upon a time' --max-tokens 40 --seed 1"
run_step "a story in the window of the deb" offline python3 /root/write_a_story.py fabula /root/deb-data ${inside_model:+"$inside_model"}
run_step "a story in the window of the archive" offline sh -c "cd /root && tar --zstd -xf /root/*.tar.zst && python3 /root/write_a_story.py /root/fabula-*/bin/fabula /root/archive-data $inside_model"
removed_clean() {
  inside apt-get purge -q -y fabula &&
    ! inside sh -c 'find / -xdev -path /proc -prune -o -path /root -prune -o -print | grep -i fabula' &&
    [ -s "$root/root/deb-data/data/fabula.db" ]
}
run_step "remove it again" removed_clean
say "the packages work in a clean system"
