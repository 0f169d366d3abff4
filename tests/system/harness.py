"""What the tests on real systems share: base systems, wheels, a container, and a clean end."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).resolve().parent / "guest"
CACHE_VARIABLE = "EDGE_AGENT_SYSTEM_CACHE"
GLIBC_TAGS = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
TAIL_LINES = 40


class SystemTestError(Exception):
    """A step failed, or what is needed for it is not there."""


@dataclass(frozen=True)
class Workspace:
    """A folder that is gone at the end, and one where base systems may be kept."""

    folder: Path
    cache: Path

    def share(self, name: str) -> Path:
        """A new folder to pass things to a guest and back."""
        folder = self.folder / name
        folder.mkdir()
        return folder


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Base systems take minutes to build: with EDGE_AGENT_SYSTEM_CACHE set they are kept there."""
    kept = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory(
        prefix="edge-agent-system-", ignore_cleanup_errors=False
    ) as at:
        folder = Path(at)
        cache = Path(kept) if kept else folder / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        yield Workspace(folder, cache)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says what was done and how long it took."""
    started_s = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"FAILED  {what} ({time.monotonic() - started_s:.1f} s)")
        raise
    say(f"done    {what} ({time.monotonic() - started_s:.1f} s)")


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 1200,
    cwd: Path | None = None,
) -> str:
    """What the command prints; raises SystemTestError with the end of it where it fails."""
    ran = subprocess.run(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout_s,
        env={**os.environ, **env} if env else None,
        cwd=cwd,
    )
    if ran.returncode != 0:
        tail = "\n".join(ran.stdout.splitlines()[-TAIL_LINES:])
        raise SystemTestError(f"{command[0]} ended with {ran.returncode}:\n{tail}")
    return ran.stdout


def need_root() -> None:
    if os.geteuid() != 0:
        raise SystemTestError("needs root: it builds and starts whole systems")


def need(programs: Mapping[str, str]) -> None:
    """Each program, and Debian's package that has it."""
    missing = {package for program, package in programs.items() if not shutil.which(program)}
    if missing:
        raise SystemTestError(f"apt install {' '.join(sorted(missing))}")


def mirror() -> str:
    """Where this machine itself gets its Debian packages."""
    told = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    for uri in told.split():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise SystemTestError("the machine's package sources name no Debian mirror")


def base_system(
    work: Workspace,
    name: str,
    suite: str,
    packages: Sequence[str],
    options: Sequence[str] = (),
) -> Path:
    """A fresh Debian in a folder, as small as the packages allow."""
    folder = work.cache / name
    if (folder / "usr/bin").is_dir():
        say(f"done    base system {name}: kept from an earlier run")
        return folder
    unfinished = work.cache / f"{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    with step(f"base system {name}: Debian {suite} with {len(packages)} packages"):
        run(
            "mmdebstrap",
            *options or ["--variant=minbase"],
            "--skip=check/empty,check/qemu",
            f"--include={','.join(packages)}",
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Check-Valid-Until "false"',
            '--aptopt=Acquire::Check-Date "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")),
            suite,
            unfinished,
            mirror(),
        )
        unfinished.rename(folder)
    return folder


def wheelhouse(work: Workspace, python: str, machine: str | None = None, extra: str = "") -> Path:
    """The project and all that it needs as wheels for that Python and processor, nothing else."""
    machine = machine or platform.machine()
    folder = work.folder / f"wheels-{python}-{machine}"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    with step(f"wheels for Python {python} on {machine}"):
        run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
        (own,) = folder.glob("edge_agent-*.whl")
        run(
            *pip,
            "download",
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={python}",
            *(f"--platform={tag}_{machine}" for tag in GLIBC_TAGS),
            *("--dest", folder, f"{own}{extra}"),
        )
    return folder


def boot_container(
    base: Path,
    share: Path,
    script: str,
    binds: Mapping[str, Path],
    timeout_s: float,
) -> None:
    """Boot the base system with systemd as its init, run a guest script in it, and power it off.

    The base system stays as it is: changes go to memory and are lost. What the script prints is
    shown as it comes. Raises SystemTestError where it does not end with 0.
    """
    said = share / "said"
    said.touch()
    unit = share / "guest.service"
    unit.write_text(GUEST_UNIT.format(script=script, folder="/mnt/guest"))
    mounts = {"/mnt/guest": GUEST, "/etc/systemd/system/guest.service": unit, **binds}
    with (share / "console").open("wb") as console:
        container = subprocess.Popen(
            [
                *_container(base, mounts),
                *("--volatile=overlay", "--boot", "--console=pipe"),
                f"--bind={share}:/mnt/share",
                "systemd.wants=guest.service",
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        follow(container, said, timeout_s)
    judge(share)


def in_container(system: Path, binds: Mapping[str, Path], *command: str) -> str:
    """What a command prints in a system that is not booted; its changes stay."""
    return run(*_container(system, binds), "--pipe", *command)


def judge(share: Path) -> None:
    """Raises SystemTestError where the guest's script did not end with 0."""
    status = share / "status"
    if not status.exists() or status.read_text().strip() != "0":
        tail = (share / "console").read_text(errors="replace").splitlines()[-TAIL_LINES:]
        raise SystemTestError("the guest found faults; its console ended with:\n" + "\n".join(tail))


def _container(system: Path, binds: Mapping[str, Path]) -> list[str]:
    return [
        *("systemd-nspawn", "--quiet", f"--directory={system}", "--private-network"),
        *("--register=no", "--keep-unit"),
        *(f"--bind-ro={source}:{target}" for target, source in binds.items()),
    ]


GUEST_UNIT = """\
[Unit]
Description=the guest's side of a test
After=network.target mosquitto.service
RequiresMountsFor=/mnt/share

[Service]
Type=exec
ExecStart=/bin/sh -c 'cd {folder} && python3 -B {script}; echo $? >/mnt/share/status'
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=append:/mnt/share/said
StandardError=append:/mnt/share/said
TimeoutStartSec=infinity
"""


def follow(guest: subprocess.Popen[bytes], said: Path, timeout_s: float) -> None:
    """Show what a guest says until it ends; it is ended when it takes too long."""
    deadline_s = time.monotonic() + timeout_s
    with said.open(errors="replace") as lines:
        while True:
            has_ended = guest.poll() is not None
            for line in lines:
                say(f"  | {line.rstrip()}")
            if has_ended:
                return
            if time.monotonic() > deadline_s:
                os.killpg(guest.pid, signal.SIGKILL)
                guest.wait()
                raise SystemTestError(f"the guest did not end within {timeout_s:.0f} s")
            time.sleep(0.2)
