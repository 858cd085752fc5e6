"""Installs the system packages that the tests use, where this is a Debian machine and we may; says so where not. Mounts control
groups, which containers need, on a machine that has none mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

PACKAGES = {
    "postgresql": lambda: any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb"),
    "dataset-fashion-mnist": lambda: Path("/usr/share/datasets/fashion-mnist").is_dir(),
    "openmpi-bin": lambda: shutil.which("mpirun"),
    "haproxy": lambda: shutil.which("haproxy") or Path("/usr/sbin/haproxy").exists(),
    **dict.fromkeys(("slurm-wlm", "munge"), lambda: shutil.which("sbatch")),
    "fuse3": lambda: find_library("fuse3") or find_library("fuse"),
    **dict.fromkeys(("podman", "runc", "netavark", "aardvark-dns", "nftables"), lambda: shutil.which("podman")),
    "iproute2": lambda: shutil.which("ip"),
    "busybox-static": lambda: shutil.which("busybox"),
    "chromium": lambda: any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")),
}

CLIENTS = {"awscli": "/usr/bin/aws", "minio-client": "/usr/bin/minio-client"}
"""Packages that Debian 13 has and some systems lack, and a file of each: the tests of these clients say so where they are not."""


GROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    if os.geteuid() == 0:
        try:
            mount_control_groups()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"Cannot mount control groups, so tests of containers will fail: {error}")
    clients = [name for name, file in CLIENTS.items() if not Path(file).exists()]
    wanted = [name for name, present in PACKAGES.items() if not present()]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for name in clients:
            install([name], check=False)
    if not wanted:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"Install these first: {' '.join(wanted)} (on Debian, as root: apt-get install {' '.join(wanted)})")
        return 1
    return install(wanted, check=True)


def install(names: list[str], check: bool) -> int:
    """`check`: raises CalledProcessError where the list of packages is unavailable."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=check, env=environ)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
    return subprocess.run(command, check=False, env=environ).returncode


def mount_control_groups() -> None:
    """Mounts each hierarchy of version 1 that has controllers; version 2, with the controllers that limit jobs, if there is none.
    Source: the kernel's documentation, admin-guide/cgroup-v1/cgroups and admin-guide/cgroup-v2."""
    mounts, kernel = Path("/proc/self/mountinfo").read_text(), Path("/proc/cgroups")
    if " - cgroup" in mounts or not kernel.exists():
        return
    rows = [line.split() for line in kernel.read_text().splitlines() if not line.startswith("#")]
    hierarchies: dict[str, list[str]] = {}
    for name, number, _groups, enabled in rows:
        if number != "0" and enabled == "1":
            hierarchies.setdefault(number, []).append(name)
    print("No control groups are mounted on this machine. Mounting them, since containers need them.")
    if not hierarchies:
        mount("cgroup2", GROUPS)
        offered = (GROUPS / "cgroup.controllers").read_text().split()
        given = [f"+{name}" for name in ("cpu", "memory", "pids") if name in offered]
        (GROUPS / "cgroup.subtree_control").write_text(" ".join(given))
        return
    mount("tmpfs", GROUPS, "mode=755")
    for names in hierarchies.values():
        place = GROUPS / ",".join(names)
        place.mkdir()
        mount("cgroup", place, ",".join(names))


def mount(kind: str, place: Path, options: str = "defaults") -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, str(place)], check=True)


if __name__ == "__main__":
    sys.exit(main())
