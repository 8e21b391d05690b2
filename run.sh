#!/usr/bin/env bash
# Fabula in one command: installs what is missing, builds, fetches the default chat model, opens the window.
# Without a display it writes a story in the terminal instead.
#   ./run.sh            the window, or a story where there is no display
#   ./run.sh --window   without a display: how to see the window on a virtual one
#   ./run.sh ARG...     further arguments go to the window (./run.sh --help lists them after the build)
set -euo pipefail
cd "$(dirname "$0")"
source packaging/setup/setup.sh

explain_virtual_display() {
  cat <<TEXT
There is no display here (DISPLAY and WAYLAND_DISPLAY are empty). To see the window on a virtual one:

  sudo apt-get install xvfb x11vnc
  Xvfb :99 -screen 0 1440x900x24 &
  x11vnc -display :99 -localhost -forever &
  DISPLAY=:99 ./run.sh

and connect a VNC viewer to localhost:5900 (from another machine: ssh -L 5900:localhost:5900 this-machine).
TEXT
}

have_display() { [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; }

if [ "${1:-}" = --window ]; then
  shift
  if ! have_display; then
    explain_virtual_display
    exit 0
  fi
fi

ensure_packages packaging/setup/packages.txt
build_targets release fabula fabula-cli

if have_display; then
  ensure_chat_model optional || true
  exec build/release/app/gui/fabula "$@"
fi

say "no display here: writing a story in the terminal (./run.sh --window explains how to see the window)"
exec build/release/app/cli/fabula-cli generate -m fabula-story -p "${*:-Once upon a time}"
