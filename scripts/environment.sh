# Shared by the scripts beside this file: the project's own virtual environment, made when needed.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

fail() { say "$*"; exit 1; }

# The newest python3 on the PATH that the project supports (3.10 to 3.13), or the one in $PYTHON.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.10 to 3.13 is needed, and was not found: install python3, or name it in PYTHON"
}

# make_environment FOLDER: a virtual environment there, also where Debian's python3-venv is missing.
make_environment() {
    local folder=$1 python
    python=$(find_python)
    say "making a virtual environment in $folder with $("$python" --version)"
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -m venv "$folder"
        return
    fi
    local tools="$folder.tools"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$tools" virtualenv ||
        fail "neither python3-venv nor pip works: apt install python3-venv python3-pip"
    PYTHONPATH="$tools" "$python" -m virtualenv --quiet "$folder"
    rm -rf "$tools"
}

# ensure_environment FOLDER EXTRAS: the project installed there in editable form with those extras;
# done again only when pyproject.toml has changed.
ensure_environment() {
    local folder=$1 extras=$2 wanted
    wanted="$extras $(cksum <pyproject.toml) $PWD"
    if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/installed" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    [ -x "$folder/bin/python" ] || make_environment "$folder"
    say "installing the project with its extras: $extras"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" ||
        fail "the installation failed; see above (is the package index within reach?)"
    printf '%s' "$wanted" >"$folder/installed"
}

# ensure_program PROGRAM PACKAGE: installs Debian's package where the program is missing.
ensure_program() {
    local program=$1 package=$2 sudo=""
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null && return
    [ "$(id -u)" = 0 ] || sudo="sudo"
    command -v apt-get >/dev/null || fail "$program is needed: install it (Debian's package $package)"
    say "installing $package"
    $sudo apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$package" >/dev/null ||
        fail "$program is needed: sudo apt install $package"
}
