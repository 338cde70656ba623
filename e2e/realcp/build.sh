#!/usr/bin/env bash
# build.sh [FILE]: builds the binary, unless FILE is newer than what it is made of. Default: target/realcp/realcp of the
# repository (or of $CARGO_TARGET_DIR). Go's build cache makes a second build a matter of seconds.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-${CARGO_TARGET_DIR:-$here/../../target}/realcp/realcp}
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
cd "$here"
made_of=$(cat ./*.go go.mod go.sum build.sh | sha256sum | cut -d' ' -f1)
if [ -x "$out" ] && [ "$(cat "$out.made-of" 2>/dev/null)" = "$made_of" ]; then
  exit 0
fi
needs=$(sed -nE 's/^go ([0-9]+\.[0-9]+).*/\1/p' go.mod)
if ! command -v go >/dev/null; then
  echo "build.sh: there is no Go on this machine. Building e2e/realcp (a real Kubernetes control plane for tests) needs Go $needs or newer: https://go.dev/dl. Nothing else here does; \`cargo test --workspace\` works without." >&2
  exit 1
fi
version=$(sed -nE 's#^\tk8s.io/kubernetes v([0-9.]+).*#\1#p' go.mod)
X=k8s.io/component-base/version
echo "building $out (Kubernetes $version; some minutes the first time)" >&2
# One that is there may be running: the new one takes its place in one step.
CGO_ENABLED=0 go build ${P:+-p "$P"} -trimpath -o "$out.new" -ldflags "-s -w -X $X.gitVersion=v$version -X $X.gitMajor=${version%%.*} \
  -X $X.gitMinor=$(cut -d. -f2 <<<"$version") -X $X.gitTreeState=clean" .
mv "$out.new" "$out"
echo "$made_of" >"$out.made-of"
