#!/usr/bin/env bash
# Runs every check of the project and installs what they need first.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: ./run_tests.sh [--quick] [--strict] [pytest arguments]
用法：  ./run_tests.sh [--quick] [--strict] [pytest 参数]

  --quick    without browser, model and third-party client tests
             不跑浏览器、模型和第三方客户端测试
  --strict   fail when a group of tests cannot run, and on every skip that is not optional
             有测试组跑不了、或有非可选的跳过时，算失败
  -h, --help this text      显示本说明

Without pytest arguments ruff, mypy and shellcheck run as well.
The recorded speech set is optional: FUNASR_WSS_SPEECH names its folder.
HELP
}

say() { printf '%s\n%s\n' "$1" "$2"; }

# need COMMAND PACKAGE...: installs Debian packages for a command that is missing, where it can.
# What stays missing is reported by the tests that need it.
need() {
    local command=$1
    shift
    ! command -v "$command" >/dev/null || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "Missing: $command. Install with: apt-get install $*" \
            "缺少 $command，请安装：apt-get install $*"
        return 0
    fi
    say "Installing $* with apt-get ..." "正在用 apt-get 安装 $* ……"
    if ! $apt_updated; then
        apt-get update -qq || true
        apt_updated=true
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null || true
}

# Third-party clients live in environments of their own, where nothing is changed for their sake.
install_client() {
    local name=$1 requirements=requirements/clients/$1.txt place=$venv/clients/$1
    ! cmp -s "$requirements" "$place/installed.txt" || return 0
    say "Installing the client $name ..." "正在安装客户端 $name ……"
    if "$venv/bin/python" -m venv --clear "$place" && PIP_USER=0 "$place/bin/python" -m pip \
        install --quiet --disable-pip-version-check -c requirements/constraints.txt -r "$requirements"
    then
        cp "$requirements" "$place/installed.txt"
    fi
}

# The clients for Node.js. Without npm their tests say so: Debian's npm is several hundred packages.
install_npm_clients() {
    local requirements=requirements/clients/package.json place=$venv/clients/npm
    command -v npm >/dev/null || return 0
    ! cmp -s "$requirements" "$place/installed.json" || return 0
    say "Installing the clients for Node.js ..." "正在安装 Node.js 客户端 ……"
    mkdir -p "$place" && cp "$requirements" "$place/package.json"
    if npm install --prefix "$place" --silent --no-audit --no-fund; then
        cp "$requirements" "$place/installed.json"
    fi
}

# check NAME COMMAND...: runs it and remembers the name if it fails.
check() {
    echo "== $1"
    "${@:2}" || failed+=("$1")
}

main() {
    local root quick=false strict=false whole=true apt_updated=false failed=() arguments=()
    local venv python requirements groups="unit node"
    root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
    while [ $# -gt 0 ]; do
        case $1 in
        --quick) quick=true ;;
        --strict) strict=true ;;
        -h | --help) usage && exit 0 ;;
        *) arguments+=("$1") && whole=false ;;
        esac
        shift
    done
    venv=${FUNASR_WSS_VENV:-$root/.venv}
    [[ $venv = /* ]] || venv=$PWD/$venv
    export FUNASR_WSS_VENV=$venv
    python=$venv/bin/python
    cd "$root"

    if $quick; then
        ./install.sh --quiet --profile embedded --extras test --no-models
        arguments+=(-m "not (models or browser or clients or speech)" --hypothesis-profile quick)
        # Two processes; the full run has one, for its models and its browser use all cores.
        arguments+=(-n 2)
    else
        ./install.sh --quiet --profile embedded --extras test
        for requirements in requirements/clients/*.txt; do
            install_client "$(basename "$requirements" .txt)"
        done
        install_npm_clients
        need chromium chromium
        need chromedriver chromium-driver
        groups="unit node models browser clients"
    fi
    need node nodejs

    if $whole; then
        check ruff "$python" -m ruff check .
        check mypy "$python" -m mypy
        check shellcheck "$venv/bin/shellcheck" \
            install.sh start_server.sh run_tests.sh .ci/run bench/startup.sh
    else
        echo "== ruff, mypy and shellcheck: not run, pytest arguments were given"
        groups=''
    fi

    if $strict; then
        export FUNASR_WSS_STRICT=1 FUNASR_WSS_REQUIRED_GROUPS=$groups
        $quick || arguments+=(--hypothesis-profile strict)
    fi
    check pytest "$python" -m pytest ${arguments[@]+"${arguments[@]}"}
    if [ ${#failed[@]} -gt 0 ]; then
        say "FAILED: ${failed[*]}" "未通过：${failed[*]}"
        exit 1
    fi
}

main "$@"
