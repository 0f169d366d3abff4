"""A camera of the kernel (vivid) lost in every way, in a virtual machine with a kernel of its own.

Only there are device policies enforced, and only there can drivers be unbound.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.system.harness import (
    GUEST,
    GUEST_UNIT,
    ROOT,
    SystemTestError,
    Workspace,
    base_system,
    follow,
    in_container,
    judge,
    need,
    run,
    step,
    wheelhouse,
)

PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "kmod", "iproute2", "procps", "ca-certificates"),
    *("initramfs-tools", "zstd", "linux-image-amd64", "v4l-utils"),
    *("python3", "python3-venv", "mosquitto", "mosquitto-clients"),
)
INITRD_MODULES = "virtio_pci\nvirtio_blk\next4\n"
SMALL_INITRD = (
    'mkdir -p "$1/etc/initramfs-tools/conf.d"; '
    'echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"; '
    f"printf '{INITRD_MODULES}' >\"$1/etc/initramfs-tools/modules\""
)
FSTAB = (
    "/dev/vda / ext4 defaults,noatime 0 1\nshare /mnt/share 9p trans=virtio,version=9p2000.L 0 0\n"
)
LIMIT_S = 900


def run_test(work: Workspace) -> None:
    need(
        {
            "mmdebstrap": "mmdebstrap",
            "systemd-nspawn": "systemd-container",
            "qemu-system-x86_64": "qemu-system-x86",
            "mke2fs": "e2fsprogs",
        }
    )
    base = base_system(
        work,
        "bookworm-kernel",
        "bookworm",
        PACKAGES,
        ("--variant=minbase", f"--essential-hook={SMALL_INITRD}"),
    )
    wheels = wheelhouse(work, "3.11")
    system = work.folder / "system"
    share = work.share("share")
    shutil.copytree(GUEST, share / "guest")
    with step("a copy of the base system"):
        run("cp", "-a", base, system)
    with step("install.sh in it, as in an image that is being built"):
        in_container(
            system,
            {"/mnt/project": ROOT, "/mnt/wheels": wheels},
            *("/mnt/project/deploy/install.sh", "--wheels", "/mnt/wheels"),
        )
    image = work.folder / "system.ext4"
    with step("an image of it"):
        _prepare(system)
        run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", system, image, "4G")
    with step("a camera lost and found"):
        _boot(system, image, share)
    judge(share)


def _prepare(system: Path) -> None:
    (system / "mnt/share").mkdir(exist_ok=True)
    (system / "etc/fstab").write_text(FSTAB)
    (system / "etc/hostname").write_text("board\n")
    units = system / "etc/systemd/system"
    (units / "guest.service").write_text(
        GUEST_UNIT.format(script="camera_faults.py", folder="/mnt/share/guest")
    )
    (units / "multi-user.target.wants/guest.service").symlink_to("../guest.service")
    # The camera is there only when the guest's script has loaded its driver.
    (units / "multi-user.target.wants/edge-agent.service").unlink()


def _boot(system: Path, image: Path, share: Path) -> None:
    """Without KVM, which is not to be had everywhere: slower, but the same everywhere."""
    kernel, initrd = (
        next(system.glob(f"boot/{name}-*"), None) for name in ("vmlinuz", "initrd.img")
    )
    if kernel is None or initrd is None:
        raise SystemTestError("the base system has no kernel")
    (share / "said").touch()
    machine = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi"),
            *("-cpu", "max", "-smp", "2", "-m", "2048", "-nographic", "-nodefaults"),
            *("-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off"),
            *("-drive", f"file={image},if=virtio,format=raw,cache=unsafe"),
            *("-virtfs", f"local,path={share},mount_tag=share,security_model=none,id=share"),
            *("-serial", f"file:{share / 'console'}", "-monitor", "none"),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    follow(machine, share / "said", LIMIT_S)
