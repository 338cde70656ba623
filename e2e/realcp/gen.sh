#!/usr/bin/env bash
# gen.sh [K8S_VERSION] [MODULE]: writes go.mod for a multi-call Kubernetes control plane; run `go mod tidy` after it.
set -euo pipefail
V=${1:-1.34.4}; MOD=${2:-navarch.dev/e2e/realcp}; S=v0.${V#1.}
gm=$(go mod download -json "k8s.io/kubernetes@v$V" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
{
  printf 'module %s\n\ngo 1.24.0\n\n' "$MOD"
  printf 'require k8s.io/kubernetes v%s\n\n' "$V"
  echo '// staging modules: k8s.io/kubernetes requires them at v0.0.0 and replaces them by local folders, which a dependant does not inherit'
  echo 'replace ('
  sed -nE 's#^(replace )?\t?(k8s\.io/[a-z0-9-]+) => \./staging/.*#\2#p; s#^\t(k8s\.io/[a-z0-9-]+) v0\.0\.0( // indirect)?$#\1#p' "$gm" | sort -u |
    while read -r m; do printf '\t%s => %s %s\n' "$m" "$m" "$S"; done
  echo ')'
} > go.mod
