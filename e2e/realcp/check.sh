#!/usr/bin/env bash
# check.sh: what up.sh says and does when something is wrong, and that nothing is left running. About a minute.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
realcp=${REALCP:-${CARGO_TARGET_DIR:-$here/../../target}/realcp/realcp}
[ -n "${REALCP:-}" ] || bash "$here/build.sh" "$realcp"
export REALCP=$realcp

finish() {
  for run in "$work"/*/; do [ ! -e "$run/realcp.run" ] || bash "$here/down.sh" "$run" >/dev/null; done
  rm -rf "$work"
}
trap finish EXIT

# refuses WORDS COMMAND...: the command fails and says WORDS
refuses() {
  local words=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "check.sh: it should have failed: $*" >&2
    exit 1
  fi
  case $said in
  *"$words"*) echo "ok: $words" ;;
  *)
    printf 'check.sh: %s\nsaid: %s\nexpected: %s\n' "$*" "$said" "$words" >&2
    exit 1
    ;;
  esac
}

nothing_runs() {
  case $(bash "$here/down.sh" "$1") in
  "Nothing runs in"*) echo "ok: nothing runs" ;;
  *)
    echo "check.sh: something was left running in $1" >&2
    exit 1
    ;;
  esac
}

mkdir "$work/tools"
for tool in bash cat sha256sum cut sed mkdir dirname basename; do ln -s "$(command -v $tool)" "$work/tools/$tool"; done
refuses "needs Go" env -u REALCP PATH="$work/tools" bash "$here/build.sh" "$work/built"

touch "$work/tools/theirs"
refuses "not empty" bash "$here/up.sh" "$work/tools"

bash "$here/up.sh" "$work/first" 0
refuses "is taken" env PORT="$(cat "$work/first/host/port")" bash "$here/up.sh" "$work/second" 0
nothing_runs "$work/second"
refuses "a control plane runs in" bash "$here/up.sh" "$work/first" 0
kill -KILL $(cat "$work/first"/*/pid/*)
bash "$here/up.sh" "$work/first" 0
bash "$here/down.sh" "$work/first"
nothing_runs "$work/first"

refuses "unknown flag: --no-such-flag" env MEMBER_FLAGS=--no-such-flag bash "$here/up.sh" "$work/third" 1
nothing_runs "$work/third"
