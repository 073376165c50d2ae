# shellcheck shell=bash
# What the scripts share. To be sourced, after `set -euo pipefail`.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export PATH="$PATH:$HOME/.cargo/bin:/usr/sbin:/sbin"

note() {
    printf '==> %s\n' "$*" >&2
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

missing_packages=()

# need COMMAND [PACKAGE]: remembers the Debian package when the command is not there.
need() {
    command -v "$1" >/dev/null || missing_packages+=("${2:-$1}")
}

# Installs what `need` found missing; says nothing and costs nothing otherwise.
install_missing() {
    ((${#missing_packages[@]})) || return 0
    command -v apt-get >/dev/null || fail "please install: ${missing_packages[*]}"
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "as root, install: ${missing_packages[*]}"
        as_root=(sudo)
    fi
    note "installing ${missing_packages[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o Dpkg::Use-Pty=0 install -y -qq --no-install-recommends "${missing_packages[@]}" >&2
    missing_packages=()
}

# What the libraries in C (Opus, cryptography) need.
need_build_tools() {
    command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.94 or newer from https://rustup.rs"
    need cmake
    need gcc
    need g++
    need make
    need pkg-config
}
