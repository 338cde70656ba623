#!/usr/bin/env bash
# up.sh [FOLDER [MEMBERS]]: a real host API server and MEMBERS (3) members, ready to use; says how to use and end them.
# FOLDER: target/realcp/run of the repository. It holds kubeconfig (contexts host, member-1, …), the same for each
# cluster in FOLDER/CLUSTER/kubeconfig, logs in FOLDER/CLUSTER/log.
#   PORT=N              the first of consecutive ports, instead of free ones
#   SIM=scheduler       pods are bound by a kube-scheduler in each member; none: no nodes; simlet (default): round robin
#   AUDIT=false         no audit logs
#   SEPARATE_ETCD=1     one etcd for each cluster instead of one for all
#   HOST_FLAGS, MEMBER_FLAGS, SIMLET_FLAGS   more flags for the API servers and the simulated kubelets
#   REALCP=FILE         a binary that is built already
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
realcp=${REALCP:-$target/realcp/realcp}
[ -n "${REALCP:-}" ] || bash "$here/build.sh" "$realcp"
export REALCP_DOWN="bash $here/down.sh"
exec "$realcp" up --dir "${1:-$target/realcp/run}" --members "${2:-3}" --port "${PORT:-0}" --sim "${SIM:-simlet}" \
  --audit="${AUDIT:-true}" ${SEPARATE_ETCD:+--separate-etcd} --host-flags "${HOST_FLAGS:-}" \
  --member-flags "${MEMBER_FLAGS:-}" --simlet-flags "${SIMLET_FLAGS:-}"
