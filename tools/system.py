"""Installs the system packages that the tests use, where this is a Debian machine and we may; says so where not."""

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


def main() -> int:
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


if __name__ == "__main__":
    sys.exit(main())
