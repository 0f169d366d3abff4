"""Inside the container: the service from its installation to its removal."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

from checks import (
    UNIT,
    check,
    do,
    finish,
    holds,
    journal,
    messages,
    property_of,
    say,
    status_of,
    text_of,
    wait_for,
    wait_for_boot,
    wait_for_status,
)

INSTALL = "/mnt/project/deploy/install.sh"
WHEELS = "/mnt/wheels"
CLIP = "/mnt/share/clip.avi"
ETC = Path("/etc/edge-agent")
CONFIG = ETC / "edge-agent.yaml"
RELEASE = Path("/opt/edge-agent/venv")
EVENTS = "edge_agent/board/{}/event"
SECRET = "correct-horse-battery"
STOP_LIMIT_S = 2.0
IGNORED = ("/proc", "/sys", "/dev", "/run", "/tmp", "/mnt", "/var/log", "/var/tmp", "/root")


def configured(name: str, extra: str = "") -> str:
    return (
        f"device_id: board\ncamera:\n  name: {name}\n  source: {CLIP}\n  loop: true\n"
        f"mqtt:\n  host: 127.0.0.1\n{extra}"
    )


def files() -> set[str]:
    """Every file of the system, but for those that come and go by themselves."""
    found = set()
    for folder, folders, names in os.walk("/"):
        if folder.startswith(IGNORED):
            folders.clear()
            continue
        found |= {str(Path(folder, name)) for name in (*folders, *names)}
    return {path for path in found if not path.startswith(IGNORED) and "__pycache__" not in path}


def installed_state() -> dict[str, str]:
    """What must stay as it is when the installation is repeated."""
    state = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (*ETC.glob("*"), *Path("/etc/systemd/system").glob("edge-agent*"))
        if path.is_file()
    }
    return {**state, "release": str(RELEASE.readlink())}


def main_pid(unit: str = UNIT) -> int:
    return int(property_of("MainPID", unit) or 0)


def is_active(unit: str = UNIT) -> bool:
    return property_of("ActiveState", unit) == "active"


def reload(text: str) -> None:
    CONFIG.write_text(text)
    do("systemctl", "reload", "edge-agent")


def appearance(camera: str, timeout_s: float = 40) -> dict[str, object]:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        for event in messages(EVENTS.format(camera), 1, deadline_s - time.monotonic()):
            if event["type"] == "appearance":
                return event
    raise ValueError(f"nobody appeared before {camera} within {timeout_s} s")


def at_installation() -> None:
    with check("install.sh installs, enables and starts"):
        said = do(INSTALL, "--wheels", WHEELS)
        holds("Next:" in said, "it does not say what comes next")
        holds(is_active(), "the service is not active")
        holds(property_of("UnitFileState") == "enabled", "it is not enabled")
    with check("it is ready without a camera and says what it waits for"):
        status = wait_for_status("waiting for the camera: no camera at /dev/video0")
        say(f"        {status}")
    with check("install.sh again changes nothing"):
        before = installed_state()
        said = do(INSTALL, "--wheels", WHEELS)
        holds(installed_state() == before, "something changed")
        holds("keeping /etc/edge-agent/edge-agent.yaml" in said, said)
    with check("only root and the service may read the configuration"):
        mode = stat.S_IMODE(CONFIG.stat().st_mode)
        holds(mode == 0o640, f"mode {mode:o}")
        holds(CONFIG.group() == "edge-agent", CONFIG.group())
    with check("it runs as its own user, without capabilities"):
        status = Path(f"/proc/{main_pid()}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        holds(fields["Uid"].split()[0] == do("id", "-u", "edge-agent").strip(), fields["Uid"])
        holds(int(fields["CapEff"], 16) == 0, fields["CapEff"])
        holds(fields["Seccomp"] == "2", "no system call filter")
    with check("systemd-analyze verifies the installed unit"):
        said = do("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", UNIT)
        holds(not said.strip(), said)


def at_work() -> None:
    with check("a reload takes a new camera over: events at the broker"):
        reload(configured("door"))
        event = appearance("door")
        holds(event["device"] == "board", str(event))
        wait_for_status("watching: ")
        say(f"        {status_of()}")
    with check("edge-agent check finds all well"):
        do("edge-agent", "check")
    with check("a wrong reload changes nothing and says why"):
        pid = main_pid()
        reload(configured("door", "  prot: 1\n"))
        status = wait_for_status("reload refused, going on as before")
        holds("edge-agent.yaml:8: mqtt.prot: unknown setting" in status, status)
        holds(main_pid() == pid, "it was started anew")
        appearance("door")
    with check("a right reload takes effect without a restart"):
        reload(configured("window"))
        appearance("window")
        holds(main_pid() == pid, "it was started anew")
        holds("refused" not in status_of(), status_of())
    with check("kill -9: started again, no sequence twice, nobody left behind"):
        before = appearance("window")
        restarts = int(property_of("NRestarts"))
        os.kill(main_pid(), signal.SIGKILL)
        wait_for("the restart", lambda: int(property_of("NRestarts")) == restarts + 1)
        wait_for_status("watching: ")
        after = appearance("window")
        holds(int(str(after["sequence"])) > int(str(before["sequence"])), f"{before} {after}")
        left = f"edge_agent/board/window/entity/{before['entity_id']}"
        holds(messages(left, 1, 3) == [], "its snapshot is still retained")
    with check("a loop that stands still is caught by the watchdog"):
        restarts = int(property_of("NRestarts"))
        os.kill(main_pid(), signal.SIGSTOP)
        started_s = time.monotonic()
        wait_for("the restart", lambda: int(property_of("NRestarts")) > restarts, 60)
        say(f"        started again {time.monotonic() - started_s:.1f} s after it was stopped")
        wait_for_status("watching: ")
        results = [entry["MESSAGE"] for entry in journal() if "atchdog" in str(entry["MESSAGE"])]
        holds(bool(results), "the journal does not name the watchdog")
    with check("a broker that goes away and comes back"):
        do("systemctl", "stop", "mosquitto")
        wait_for_status("waiting for the broker: ")
        do("systemctl", "start", "mosquitto")
        appearance("window")
        wait_for("the status", lambda: "broker" not in status_of(), 40)


def journal_is_readable() -> None:
    with check("the journal has priorities, and no second time of day"):
        own = [entry for entry in journal() if entry.get("_COMM") == "edge-agent"]
        priorities = {entry["PRIORITY"] for entry in own}
        holds({"3", "4", "6"} <= priorities, f"priorities {priorities}")
        dated = [e["MESSAGE"] for e in own if str(e["MESSAGE"])[:2] == "20"]
        holds(not dated, f"dated: {dated[:1]}")


def with_a_secret() -> None:
    with check("a password from a credential reaches the broker and nothing else"):
        passwords = Path("/etc/mosquitto/passwords")
        do("mosquitto_passwd", "-b", "-c", str(passwords), "agent", SECRET)
        passwords.chmod(0o644)
        Path("/etc/mosquitto/conf.d/closed.conf").write_text(
            "per_listener_settings true\nlistener 1884 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nlistener 1883 127.0.0.1\nallow_anonymous true\n"
        )
        do("systemctl", "restart", "mosquitto")
        store = Path("/etc/credstore")
        store.mkdir(exist_ok=True)
        secret = store / "edge-agent.mqtt-password"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        CONFIG.write_text(
            configured(
                "vault",
                "  port: 1884\n  username: agent\n"
                "  password: !credential edge-agent.mqtt-password\n",
            )
        )
        do("systemctl", "restart", "edge-agent")
        options = ("-p", "1884", "-u", "agent", "-P", SECRET)
        got = messages("edge_agent/board/status", 1, 20, *options)
        holds(got == ["online"], f"the status is {got}")
        holds(SECRET not in text_of("journalctl", "--no-pager"), "it is in the journal")
        holds(SECRET not in text_of("systemctl", "show", UNIT), "it is in the unit's properties")
        environment = Path(f"/proc/{main_pid()}/environ").read_bytes()
        holds(SECRET.encode() not in environment, "it is in the environment")
        secret.unlink()


def several_cameras() -> None:
    with check("several cameras, a service for each"):
        for name in ("left", "right"):
            (ETC / f"{name}.yaml").write_text(configured(name))
            do("systemctl", "enable", "--quiet", "--now", f"edge-agent@{name}")
        for name in ("left", "right"):
            appearance(name)
            holds(is_active(f"edge-agent@{name}.service"), f"{name} is not active")
        folders = {path.name for path in Path("/var/lib/edge-agent").iterdir() if path.is_dir()}
        holds({"left", "right"} <= folders, f"state in {folders}")


def at_the_end() -> None:
    with check(f"stops within {STOP_LIMIT_S:.0f} s and says goodbye"):
        CONFIG.write_text(configured("door"))
        do("systemctl", "restart", "edge-agent")
        appearance("door")
        started_s = time.monotonic()
        do("systemctl", "stop", "edge-agent")
        took_s = time.monotonic() - started_s
        say(f"        stopped in {took_s:.2f} s")
        holds(took_s < STOP_LIMIT_S, f"it took {took_s:.1f} s")
        holds(property_of("Result") == "success", property_of("Result"))
        retained = ("--retained-only",)
        holds(messages("edge_agent/board/door/entity/+", 1, 2, *retained) == [], "people left")
    with check("a wrong configuration stops the start with status 78, and is not tried again"):
        CONFIG.write_text("kamera: {}\nmqtt: {port: 0}\n")
        subprocess.run(["systemctl", "start", "edge-agent"], capture_output=True, check=False)
        wait_for("the failure", lambda: property_of("ActiveState") == "failed")
        holds(property_of("ExecMainStatus") == "78", property_of("ExecMainStatus"))
        said = [str(entry["MESSAGE"]) for entry in journal()]
        for fault in ("yaml:1: kamera: unknown", "yaml:2: mqtt.port: 0 is not allowed"):
            holds(any(fault in line for line in said), f"not said: {fault}")
    with check("install.sh --upgrade puts a new release to use and keeps the configuration"):
        CONFIG.write_text(configured("door"))
        before = installed_state()
        do(INSTALL, "--upgrade", "--wheels", WHEELS)
        after = installed_state()
        holds(after.pop("release") != before.pop("release"), "the release is the same")
        holds(after == before, "configuration or units changed")
        appearance("door")
        holds(is_active("edge-agent@left.service"), "a second camera does not run any more")
    with check("an upgrade that cannot be completed leaves the old one running"):
        release = str(RELEASE.readlink())
        empty = Path("/tmp/no-wheels")
        empty.mkdir()
        failed = subprocess.run(
            [INSTALL, "--upgrade", "--wheels", str(empty)], capture_output=True, check=False
        )
        holds(failed.returncode != 0, "it did not fail")
        holds(str(RELEASE.readlink()) == release, "the release changed")
        holds(len(list(Path("/opt/edge-agent/releases").iterdir())) <= 2, "it left its remains")
        appearance("door")


def removed(before: set[str]) -> None:
    with check("install.sh --uninstall leaves nothing but the configuration"):
        do(INSTALL, "--uninstall")
        left = sorted(
            path
            for path in files() - before
            if not path.startswith(
                (str(ETC), "/etc/mosquitto", "/etc/credstore", "/var/lib/systemd")
            )
            # useradd and userdel keep a copy of what was there before
            and path not in {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"}
            and not path.startswith("/var/lib/mosquitto")
        )
        holds(not left, f"left behind: {left[:10]}")
        holds(CONFIG.exists(), "the configuration is gone")
        holds("edge-agent" not in Path("/etc/passwd").read_text(), "the user is still there")
        units = text_of("systemctl", "list-units", "--all", "--no-legend", "edge-agent*")
        holds("running" not in units, units)
    with check("install.sh --uninstall again does no harm"):
        do(INSTALL, "--uninstall")


wait_for_boot()
say(f"        {do('systemctl', '--version').splitlines()[0]}, {do('python3', '--version').strip()}")
present = files()
at_installation()
at_work()
journal_is_readable()
with_a_secret()
several_cameras()
at_the_end()
removed(present)
finish()
