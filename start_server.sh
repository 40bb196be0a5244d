#!/usr/bin/env bash
# Installs what is missing, then runs the server in the foreground. All options go to the server.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
venv=${FUNASR_WSS_VENV:-$root/.venv}
profile=${FUNASR_WSS_PROFILE:-auto}

previous='' help=false
for argument in "$@"; do
    case $previous in
    --profile) profile=$argument ;;
    --models_dir) export FUNASR_WSS_MODELS_DIR=$argument ;;
    esac
    case $argument in
    --profile=*) profile=${argument#*=} ;;
    --models_dir=*) export FUNASR_WSS_MODELS_DIR=${argument#*=} ;;
    -h | --help) help=true ;;
    esac
    previous=$argument
done

if $help && [ ! -x "$venv/bin/python" ]; then
    printf '%s\n%s\n' \
        "Usage: ./start_server.sh [server options]. They are listed here after ./install.sh has run." \
        "用法：./start_server.sh [服务器选项]。运行 ./install.sh 之后，这里会列出全部选项。"
    exit 0
fi
$help || "$root/install.sh" --profile "$profile" --quiet

# exec: signals reach the server itself.
exec "$venv/bin/python" "$root/funasr_wss_server.py" "$@"
