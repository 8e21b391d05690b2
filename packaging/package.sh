#!/usr/bin/env bash
# Fabula's packages in one command: build/packages/fabula_VERSION_ARCH.deb and build/packages/fabula-VERSION-linux-ARCH.tar.zst.
#   packaging/package.sh          builds both and checks them (lintian, desktop entry, metainfo, libraries)
#   FABULA_RELEASE=1 packaging/package.sh   the same for a release: kernels for every GPU from Ampere on (preset "package"), not for Hopper
#                                 and PTX alone; nvcc takes six times as long
set -euo pipefail
cd "$(dirname "$0")/.."
source packaging/setup/setup.sh

ensure_packages packaging/setup/packages.txt packaging/setup/packages-package.txt
preset=release
[ "${CI:-}" = true ] && preset=ci
[ "${FABULA_RELEASE:-}" = 1 ] && preset=package
build=build/$preset
out=build/packages
build_targets "$preset" fabula fabula-cli
cmake --preset "$preset" >/dev/null # icons are made where rsvg-convert has come since
build_targets "$preset" fabula-packaging
rm -rf "$out"
mkdir -p "$out"

run_step "package deb" cpack --config "$build/CPackConfig.cmake" -B "$out"
rm -rf "$out/_CPack_Packages"
run_step "package portable" packaging/portable.sh "$build" "$out"

check_deb() {
  lintian --fail-on error --no-tag-display-limit "$out"/*.deb || [ $? = 0 ] || return 1
  desktop-file-validate packaging/linux/fabula.desktop &&
    appstreamcli validate --no-net --override=cid-desktopapp-is-not-rdns=pedantic packaging/linux/fabula.metainfo.xml
}
run_step "check the packages" check_deb
ls -l "$out"
