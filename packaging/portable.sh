#!/usr/bin/env bash
# portable.sh BUILD_FOLDER OUT_FOLDER: an archive that runs where it is unpacked, on any x86-64 Linux with glibc 2.36 or newer.
# Carries every library but glibc and those that belong to the graphics driver and the display (GL, X11, Wayland): these must be
# the system's own. The C++ runtime is carried for systems without one; where there is one the driver may need its newer symbols.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1 out=$2
version=$(sed -n 's/^project(Fabula VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=fabula-$version-linux-$(uname -m)
tree=$out/$name
rm -rf "$tree"
cmake --install "$build" --prefix "$tree" --strip >/dev/null
mkdir -p "$tree/lib/cxx" "$tree/libexec"

of_the_system='^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|anl|util|mvec)|libGL.*|libEGL.*|libOpenGL|libgbm|libdrm.*|libX.*|libxcb.*|libwayland.*|libxkbcommon.*|libvulkan)\.so'
libraries_of() { ldd "$1" | awk '$3 ~ "^/" { print $3 }'; }
for program in "$tree"/bin/*; do libraries_of "$program"; done | sort -u | while read -r library; do
  file=$(basename "$library")
  [[ $file =~ $of_the_system ]] && continue
  case $file in
    libstdc++* | libgcc_s*) cp -L "$library" "$tree/lib/cxx/$file" ;;
    *) cp -L "$library" "$tree/lib/$file" ;;
  esac
done
for library in "$tree"/lib/*.so*; do patchelf --set-rpath '$ORIGIN' "$library"; done
for program in "$tree"/bin/*; do
  patchelf --set-rpath '$ORIGIN/../lib' "$program"
  mv "$program" "$tree/libexec/"
  cat >"$program" <<'SCRIPT'
#!/bin/sh
# Starts Fabula with the libraries beside it. The system's C++ runtime goes first where there is one: its graphics driver may need it.
here=$(dirname "$(readlink -f "$0")")/..
if ! ls /usr/lib/*/libstdc++.so.6 /usr/lib64/libstdc++.so.6 /usr/lib/libstdc++.so.6 /lib/*/libstdc++.so.6 >/dev/null 2>&1; then
  LD_LIBRARY_PATH=$here/lib/cxx${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
fi
if [ ! -e /etc/fonts/fonts.conf ] && [ -z "${FONTCONFIG_FILE:-}" ]; then
  FONTCONFIG_FILE=$here/share/fabula/fonts/fonts.conf
  export FONTCONFIG_FILE
fi
exec "$here/libexec/$(basename "$0")" "$@"
SCRIPT
  chmod 755 "$program"
done

# Fonts for systems that have none.
fonts=$tree/share/fabula/fonts
mkdir -p "$fonts"
for font in /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf /usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf; do
  cp -L "$font" "$fonts/"
done
cat >"$fonts/fonts.conf" <<'XML'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir prefix="relative">.</dir>
  <dir>/usr/share/fonts</dir>
  <dir prefix="xdg">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
XML

tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -C "$out" -cf - "$name" | zstd -q -19 -T0 -f -o "$out/$name.tar.zst"
rm -rf "$tree"
