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
    "fuse3": lambda: find_library("fuse3") or find_library("fuse"),
    **dict.fromkeys(("podman", "runc", "netavark", "aardvark-dns", "nftables"), lambda: shutil.which("podman")),
    "iproute2": lambda: shutil.which("ip"),
    "busybox-static": lambda: shutil.which("busybox"),
}


def main() -> int:
    wanted = [name for name, present in PACKAGES.items() if not present()]
    if not wanted:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"Install these first: {' '.join(wanted)} (on Debian, as root: apt-get install {' '.join(wanted)})")
        return 1
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environ)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    return subprocess.run(command, check=False, env=environ).returncode


if __name__ == "__main__":
    sys.exit(main())
