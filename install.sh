#!/usr/bin/env bash
# Prepares what the server needs: a Python environment, its packages, the model files.
# A second run finds everything in place and uses no network.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: ./install.sh [--profile auto|embedded|nano] [options]
用法：  ./install.sh [--profile auto|embedded|nano] [选项]

  --profile NAME   auto (default): nano where nvidia-smi finds a GPU and this version has it,
                   else embedded (CPU)
                   auto（默认）：有 GPU 且本版本支持时用 nano，否则用 embedded（CPU）
  --extras LIST    more groups of packages, by commas: mic, test
                   另装的软件包组，逗号分隔
  --latest         newest packages within the supported ranges instead of the tested versions
                   在支持范围内装最新版本，而不是测试过的版本
  --no-models      leave the model files out      不取模型文件
  --force          install again even if nothing changed      强制重新安装
  --quiet          say nothing when nothing is to do          无事可做时不输出
  -h, --help       this text      显示本说明

Environment 环境变量:
  FUNASR_WSS_VENV         where the Python environment lives (default: .venv beside this file)
  FUNASR_WSS_MODELS_DIR   where the model files live (default: models beside this file)
  FUNASR_WSS_PYTHON       the Python 3.11+ to use (default: the first one found)
  PIP_INDEX_URL, ...      pip is called plainly: its variables and configuration files apply
HELP
}

say() { printf '%s\n%s\n' "$1" "$2"; }
die() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit "${3:-1}"
}

parse_arguments() {
    profile=auto extras=() latest=false models=true force=false quiet=false
    local value
    while [ $# -gt 0 ]; do
        case $1 in
        --profile=* | --extras=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
        --profile | --extras)
            [ $# -ge 2 ] || die "install.sh: $1 needs a value." "install.sh：$1 缺少取值。" 2
            value=$2
            if [ "$1" = --profile ]; then
                profile=$value
            else
                IFS=, read -r -a extras <<<"$value"
            fi
            shift
            ;;
        --latest) latest=true ;;
        --no-models) models=false ;;
        --force) force=true ;;
        --quiet) quiet=true ;;
        -h | --help) usage && exit 0 ;;
        *) die "install.sh: unknown option '$1'; see ./install.sh --help." \
            "install.sh：未知选项 $1，请看 ./install.sh --help。" 2 ;;
        esac
        shift
    done
    for value in ${extras[@]+"${extras[@]}"}; do
        case $value in
        mic | test) ;;
        *) die "install.sh: unknown extra '$value'; choose from mic, test." \
            "install.sh：未知软件包组 $value，可选 mic、test。" 2 ;;
        esac
    done
}

# A profile belongs to this version when its packages are listed.
has_profile() { [ -f "$root/requirements/$1.txt" ]; }

choose_profile() {
    case $profile in
    embedded | nano)
        has_profile "$profile" || die \
            "The $profile profile is not available in this version yet; use --profile embedded." \
            "本版本尚不支持 $profile 配置，请用 --profile embedded。" 2
        ;;
    auto)
        if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >/dev/null 2>&1; then
            profile=embedded
            why="Profile embedded (CPU): no working NVIDIA GPU was found."
            why_zh="配置 embedded（CPU）：没有找到可用的 NVIDIA GPU。"
        elif has_profile nano; then
            profile=nano
            why="Profile nano: an NVIDIA GPU was found." why_zh="配置 nano：找到了 NVIDIA GPU。"
        else
            profile=embedded
            why="Profile embedded (CPU): a GPU was found, but this version has no nano profile yet."
            why_zh="配置 embedded（CPU）：找到了 GPU，但本版本还没有 nano 配置。"
        fi
        ;;
    *) die "install.sh: unknown profile '$profile'; choose from auto, embedded, nano." \
        "install.sh：未知配置 $profile，可选 auto、embedded、nano。" 2 ;;
    esac
}

# Sets python to the first interpreter that is new enough and can make environments;
# lacks_venv to the first one that only lacks the latter.
find_python() {
    python='' lacks_venv=''
    local candidate candidates=(python3.11 python3.12 python3.13 python3 python)
    [ -z "${FUNASR_WSS_PYTHON:-}" ] || candidates=("$FUNASR_WSS_PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null; then
            python=$candidate
            return
        fi
        lacks_venv=${lacks_venv:-$candidate}
    done
}

need_python() {
    find_python
    [ -z "$python" ] || return 0
    local packages=(python3 python3-venv)
    if [ -n "$lacks_venv" ]; then
        packages=("$("$lacks_venv" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    fi
    if [ -z "${FUNASR_WSS_PYTHON:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing ${packages[*]} with apt-get ..." "正在用 apt-get 安装 ${packages[*]} ……"
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null || true
        find_python
    fi
    [ -n "$python" ] || die \
        "Python 3.11 or newer with its venv module is needed. On Debian or Ubuntu: apt-get install ${packages[*]}" \
        "需要 Python 3.11 或更高版本及其 venv 模块。Debian 或 Ubuntu：apt-get install ${packages[*]}"
}

# One line an installed group: its name and a hash of all that decides what it should hold.
stamp_lines() {
    "$venv/bin/python" -I - "$root" "$venv" "$profile" ${extras[@]+"${extras[@]}"} <<'PYTHON'
import hashlib, importlib.metadata, pathlib, re, sys

root, venv, *groups = sys.argv[1:]
for group in groups:
    digest = hashlib.sha256(repr((root, venv, sys.version)).encode())
    for name in ("base", group, "constraints"):
        digest.update(pathlib.Path(root, "requirements", name + ".txt").read_bytes())
    missing = []
    for name in ("base", group):
        for line in pathlib.Path(root, "requirements", name + ".txt").read_text().splitlines():
            package = re.match(r"[A-Za-z0-9._-]+", line)
            try:
                package and importlib.metadata.version(package[0])
            except importlib.metadata.PackageNotFoundError:
                missing.append(package[0])
    print(group, *missing, digest.hexdigest())
PYTHON
}

is_installed() {
    [ -f "$stamp" ] || return 1
    local lines line
    lines=$(stamp_lines 2>/dev/null) || return 1
    while read -r line; do
        grep -qxF -- "$line" "$stamp" || return 1
    done <<<"$lines"
}

# True for an environment that runs and whose commands belong to it: after a move or a copy of
# the folder they still name the old place.
is_sound() {
    "$venv/bin/python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        "$venv/bin/pip" --version 2>/dev/null | grep -qF "from $venv/"
}

make_environment() {
    ! is_sound || return 0
    if [ "$venv" != "$root/.venv" ] && [ -n "$(ls -A "$venv")" ] &&
        ! grep -qxF "$made_here" "$stamp" 2>/dev/null; then
        die "$venv is not a working Python 3.11+ environment and was not made by this script; remove it or set FUNASR_WSS_VENV to another place." \
            "$venv 不是可用的 Python 3.11+ 环境，也不是本脚本建立的；请删除它，或把 FUNASR_WSS_VENV 指到别处。"
    fi
    need_python
    say "Creating the Python environment $venv ..." "正在建立 Python 环境 $venv ……"
    "$python" -m venv --clear "$venv" || die \
        "The Python environment could not be created in $venv; see the message above." \
        "无法在 $venv 建立 Python 环境，原因见上。"
    echo "$made_here" >"$stamp"
}

install_packages() {
    local groups options=()
    groups=$(IFS=, && echo "$profile${extras[*]+,${extras[*]}}")
    if $latest; then options+=(--upgrade); else options+=(-c requirements/constraints.txt); fi
    if [ ! -t 1 ]; then options+=(--quiet); fi
    say "Installing the packages of: $groups ..." "正在安装软件包：$groups ……"
    # PIP_USER=0: a user-wide "install for this user" setting cannot work in an environment.
    (cd "$root" && PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$venv/bin/python" -m pip install "${options[@]}" -e ".[$groups]") || die \
        "The packages could not be installed; see pip's message above. Check the network, proxy and pip settings, then run ./install.sh again." \
        "软件包安装失败，原因见上方 pip 的信息。请检查网络、代理和 pip 设置，然后重新运行 ./install.sh。"
    write_stamp
}

write_stamp() {
    local lines kept group
    lines=$(stamp_lines)
    kept=$(cat "$stamp" 2>/dev/null || true)
    for group in "$profile" ${extras[@]+"${extras[@]}"}; do
        kept=$(grep -v "^$group " <<<"$kept" || true)
    done
    printf '%s\n' "$kept" "$lines" | sed '/^$/d' >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

get_models() {
    # Not from $root: a relative FUNASR_WSS_MODELS_DIR means the same folder as for the server.
    PYTHONSAFEPATH=1 "$venv/bin/python" -m funasr_wss.models --profile "$profile" || die \
        "The model files of profile $profile are not complete; see the message above, then run ./install.sh again." \
        "配置 $profile 的模型文件不完整，原因见上；处理后请重新运行 ./install.sh。"
}

main() {
    root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
    why='' why_zh=''
    parse_arguments "$@"
    choose_profile

    venv=${FUNASR_WSS_VENV:-$root/.venv}
    mkdir -p -- "$venv" 2>/dev/null || die "The folder $venv cannot be created; check its owner or set FUNASR_WSS_VENV." \
        "无法建立文件夹 $venv；请检查权限，或设置 FUNASR_WSS_VENV。"
    venv=$(CDPATH='' cd -- "$venv" && pwd -P)
    stamp=$venv/.funasr-wss-stamp
    made_here='# made by install.sh'

    if $force || ! is_installed; then
        # Two starts at once must not write the same environment.
        if command -v flock >/dev/null && { exec 9>"$venv.lock"; } 2>/dev/null; then flock 9; fi
        if $force || ! is_installed; then
            [ -z "$why" ] || say "$why" "$why_zh"
            make_environment
            install_packages
            quiet=false
        fi
    fi
    ! $models || get_models
    $quiet || say "Installed: profile $profile in $venv." "安装完成：配置 $profile，位置 $venv。"
}

main "$@"
