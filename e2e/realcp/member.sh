#!/usr/bin/env bash
# member.sh create NAME: one more member of the control plane in MEMBER_DIR (default: where up.sh starts one); prints its
# kubeconfig. member.sh delete NAME: ends it and removes what it left.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
exec "${REALCP:-$target/realcp/realcp}" member --dir "${MEMBER_DIR:-$target/realcp/run}" --sim "${SIM:-scheduler}" "$@"
