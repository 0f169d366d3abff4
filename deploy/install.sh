#!/usr/bin/env bash
# Installs the edge agent as a service on Raspberry Pi OS (Bookworm, Trixie), Debian, Ubuntu and
# JetPack 6. It can be run again at any time: what is there already stays as it is.
#
#   sudo deploy/install.sh                   install, enable and start
#   sudo deploy/install.sh --upgrade         install this version over another; the old one stays
#                                            in place until the new one is complete
#   sudo deploy/install.sh --uninstall       remove all but the configuration in /etc/edge-agent
#   deploy/install.sh --dry-run              say what would be done, and do nothing
#
#   --wheels DIR    install without a network from the wheels in this folder; to fill it, on a
#                   machine with a network and the board's Python and processor:
#                   pip wheel --wheel-dir DIR .
#   --no-start      install and enable, but do not start
set -euo pipefail

readonly HOME_DIR=/opt/edge-agent CONFIG_DIR=/etc/edge-agent STATE_DIR=/var/lib/edge-agent
readonly UNIT_DIR=/etc/systemd/system COMMAND=/usr/local/bin/edge-agent SERVICE_USER=edge-agent
readonly RESTART_STEPS_SINCE=254
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE

task=install dry_run=no start=yes wheels="" unfinished=""

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

say() { printf '%s\n' "$*"; }

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# act TEXT COMMAND...: says what is done and does it; in a dry run it only says so.
act() {
    local text=$1
    shift
    if [ "$dry_run" = yes ]; then
        say "would: $text"
        return
    fi
    say "$text"
    "$@"
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --upgrade) task=upgrade ;;
            --uninstall) task=uninstall ;;
            --dry-run) dry_run=yes ;;
            --no-start) start=no ;;
            --wheels)
                [ $# -ge 2 ] || fail "--wheels needs a folder"
                [ -d "$2" ] || fail "--wheels $2: no such folder"
                wheels=$(cd "$2" && pwd)
                shift
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) fail "unknown option $1; see --help" ;;
        esac
        shift
    done
}

main() {
    read_options "$@"
    if [ "$dry_run" = no ] && [ "$(id -u)" != 0 ]; then
        fail "needs root: sudo $0"
    fi
    command -v systemctl >/dev/null || fail "systemd is needed, and systemctl was not found"
    if [ "$task" = uninstall ]; then
        uninstall
        return
    fi
    [ -f "$SOURCE/pyproject.toml" ] || fail "run it from the project's folder: deploy/install.sh"
    say_where
    ensure_packages
    ensure_user
    ensure_program
    ensure_configuration
    ensure_units
    ensure_started
    say_next
}

say_where() {
    local system
    system=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null || true)
    say "edge-agent on ${system:-an unknown system}, $(uname -m), into $HOME_DIR"
}

# The system's Python, since picamera2 is made for that one only.
system_python() { printf '%s' "${PYTHON:-/usr/bin/python3}"; }

ensure_packages() {
    local missing=()
    if ! "$(system_python)" -c 'import ensurepip, venv' 2>/dev/null; then
        missing+=(python3 python3-venv)
    fi
    if is_raspberry_pi_os && ! is_installed python3-picamera2; then
        missing+=(python3-picamera2)
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        command -v apt-get >/dev/null || fail "these packages are needed: ${missing[*]}"
        [ -z "$wheels" ] || say "needs the network, or the packages beforehand: ${missing[*]}"
        act "installing ${missing[*]}" install_packages "${missing[@]}"
    fi
    [ "$dry_run" = yes ] && [ ! -x "$(system_python)" ] && return
    "$(system_python)" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' ||
        fail "Python 3.10 to 3.13 is needed; $(system_python) is $("$(system_python)" --version)"
}

install_packages() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        fail "apt could not install $*; see above"
}

is_raspberry_pi_os() { [ -e /etc/rpi-issue ]; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

ensure_user() {
    if ! id "$SERVICE_USER" >/dev/null 2>&1; then
        act "making the user $SERVICE_USER, in group video" useradd --system --user-group \
            --no-create-home --home-dir "$STATE_DIR" --shell /usr/sbin/nologin \
            --groups video "$SERVICE_USER"
    fi
}

# Each version has a folder of its own; $HOME_DIR/venv points to the one in use, and is turned to
# another only when that one is complete.
ensure_program() {
    if [ "$task" = install ] && [ -x "$HOME_DIR/venv/bin/edge-agent" ]; then
        say "already installed: $("$HOME_DIR/venv/bin/edge-agent" --version) (--upgrade renews it)"
        return
    fi
    local release
    release="$HOME_DIR/releases/$(date -u +%Y%m%dT%H%M%SZ)"
    act "installing the agent and what it needs into $release${wheels:+ from $wheels}" \
        make_release "$release"
    act "putting it to use as $HOME_DIR/venv and $COMMAND" use_release "$release"
}

make_release() {
    local release=$1 options=() wanted=()
    # What is left of an attempt that failed must not be taken for a release.
    unfinished=$release
    trap 'rm -rf "$unfinished"' EXIT
    if is_installed python3-picamera2; then
        # picamera2 and libcamera come from the distribution. Parts of them are built for its NumPy:
        # those built for version 1 do not go with 2.
        options=(--system-site-packages)
        if [ "$("$(system_python)" -c 'import numpy; print(numpy.__version__[0])')" = 1 ]; then
            wanted=("numpy<2")
        fi
    fi
    mkdir -p "$HOME_DIR/releases"
    "$(system_python)" -m venv "${options[@]}" "$release"
    wanted+=("$SOURCE")
    options=(--quiet --disable-pip-version-check)
    if [ -n "$wheels" ]; then
        options+=(--no-index --find-links "$wheels")
        wanted[-1]=edge-agent
    fi
    "$release/bin/python" -m pip install "${options[@]}" "${wanted[@]}" ||
        fail "pip could not install it; see above. What was there before is unchanged"
    "$release/bin/edge-agent" --version >/dev/null ||
        fail "the installed program does not start; see above. What was there before is unchanged"
    trap - EXIT
}

use_release() {
    local release=$1 old
    old=$(readlink -f "$HOME_DIR/venv" 2>/dev/null || true)
    ln -sfn "$release" "$HOME_DIR/venv.new"
    mv -T "$HOME_DIR/venv.new" "$HOME_DIR/venv"
    ln -sfn "$HOME_DIR/venv/bin/edge-agent" "$COMMAND"
    # One version back is kept; older ones go.
    local other
    for other in "$HOME_DIR"/releases/*; do
        [ "$other" = "$release" ] || [ "$other" = "$old" ] || rm -rf "$other"
    done
}

ensure_configuration() {
    if [ ! -e "$CONFIG_DIR/edge-agent.yaml" ]; then
        act "writing $CONFIG_DIR/edge-agent.yaml" install -D -m 0640 \
            "$SOURCE/config/edge-agent.yaml" "$CONFIG_DIR/edge-agent.yaml"
    else
        say "keeping $CONFIG_DIR/edge-agent.yaml as it is"
    fi
    act "writing $CONFIG_DIR/edge-agent.schema.json for editors" install -D -m 0644 \
        "$SOURCE/config/edge-agent.schema.json" "$CONFIG_DIR/edge-agent.schema.json"
    act "letting only root and the service read $CONFIG_DIR" own_configuration
}

own_configuration() {
    chown -R "root:$SERVICE_USER" "$CONFIG_DIR"
    chmod 0750 "$CONFIG_DIR"
}

ensure_units() {
    local unit version
    for unit in edge-agent.service edge-agent@.service; do
        act "writing $UNIT_DIR/$unit" install -D -m 0644 "$SOURCE/systemd/$unit" "$UNIT_DIR/$unit"
    done
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge "$RESTART_STEPS_SINCE" ]; then
        for unit in edge-agent.service edge-agent@.service; do
            act "letting the delay between restarts grow ($unit)" install -D -m 0644 \
                "$SOURCE/systemd/growing-delay.conf" "$UNIT_DIR/$unit.d/growing-delay.conf"
        done
    fi
    act "copying the documents to $HOME_DIR/share/docs" copy_documents
}

copy_documents() {
    mkdir -p "$HOME_DIR/share/docs"
    find "$SOURCE/docs" -maxdepth 1 -name '*.md' -exec cp -t "$HOME_DIR/share/docs" {} +
}

# An image that is being built has systemd, but it does not run: nothing can be started there.
is_running() { [ -d /run/systemd/system ]; }

ensure_started() {
    act "enabling edge-agent.service" systemctl enable --quiet edge-agent.service
    is_running || return 0
    act "telling systemd of the units" systemctl daemon-reload
    if [ "$start" = no ]; then
        return
    fi
    if [ "$task" = upgrade ]; then
        act "starting every running agent anew" restart_all
    else
        act "starting edge-agent.service" start_service
    fi
}

restart_all() {
    systemctl restart edge-agent.service || not_started
    systemctl try-restart 'edge-agent@*.service'
}

start_service() { systemctl start edge-agent.service || not_started; }

not_started() { say "it does not run yet; what is wrong: journalctl -u edge-agent -n 20"; }

say_next() {
    [ "$dry_run" = no ] || return 0
    cat <<NEXT

The agent is installed. Next:
  sudo nano $CONFIG_DIR/edge-agent.yaml      which camera, which broker
  sudo edge-agent check                              what is still wrong
  sudo systemctl reload edge-agent                   take the changes over
  systemctl status edge-agent                        what it is doing
  journalctl -fu edge-agent                          what it says
A broker's password goes to /etc/credstore/edge-agent.mqtt-password (mode 0600), and into the
configuration as   password: !credential edge-agent.mqtt-password
For a second camera: write $CONFIG_DIR/NAME.yaml, then systemctl enable --now edge-agent@NAME
NEXT
}

uninstall() {
    act "stopping and disabling the services" stop_services
    local path
    for path in "$UNIT_DIR/edge-agent.service" "$UNIT_DIR/edge-agent@.service" \
        "$UNIT_DIR/edge-agent.service.d" "$UNIT_DIR/edge-agent@.service.d" \
        "$COMMAND" "$HOME_DIR" "$STATE_DIR"; do
        if [ -e "$path" ] || [ -L "$path" ]; then
            act "removing $path" rm -rf "$path"
        fi
    done
    if is_running; then
        act "telling systemd" systemctl daemon-reload
    fi
    if id "$SERVICE_USER" >/dev/null 2>&1; then
        act "removing the user $SERVICE_USER" userdel "$SERVICE_USER"
    fi
    [ ! -d "$CONFIG_DIR" ] || act "leaving the configuration in $CONFIG_DIR to root" \
        chown -R root:root "$CONFIG_DIR"
    [ ! -e /etc/credstore/edge-agent.mqtt-password ] ||
        say "leaving /etc/credstore/edge-agent.mqtt-password"
}

stop_services() {
    if is_running; then
        systemctl stop edge-agent.service 'edge-agent@*.service' 2>/dev/null || true
    fi
    systemctl disable --quiet edge-agent.service 2>/dev/null || true
    find "$UNIT_DIR" -name 'edge-agent@*.service' -type l -delete
}

main "$@"
