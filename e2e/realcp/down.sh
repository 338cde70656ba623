#!/usr/bin/env bash
# down.sh [FOLDER]: ends what up.sh (and member.sh) started there, and nothing else. Certificates, data and logs stay.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
exec "${REALCP:-$target/realcp/realcp}" down --dir "${1:-$target/realcp/run}"
