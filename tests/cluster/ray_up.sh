#!/usr/bin/env bash
# A machine of its own: its own processes, network, home and /tmp/ray. An sshd runs in it, and Ray is brought up over ssh.
# ray_up.sh <folder>: holds key, key.pub, cluster.yaml, home/, ray/ and the project shared/talking; the log goes to stdout.
set -euo pipefail
folder=$1
ip link set lo up
mkdir -p /tmp/ray /run/sshd
mount --bind "$folder/ray" /tmp/ray
sed "s|^\($(id -un):[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:.*|\1:$folder/home:/bin/bash|" /etc/passwd > "$folder/passwd"
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/shared" "$folder/shared"
export HOME="$folder/home"
"$(command -v sshd)" -f "$folder/sshd_config" -E "$folder/sshd.log"
cd "$folder"
say() { echo "\$ $*"; "$@" 2>&1; }
say ray up --yes --no-config-cache cluster.yaml
say ray exec cluster.yaml "ray status"
say ray exec cluster.yaml "cd $folder/shared/talking && dvc repro"
say ray down --yes cluster.yaml
echo "left: $(pgrep -fc 'raylet|gcs_server' || true)"
