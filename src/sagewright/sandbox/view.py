"""A bubblewrapped process's view of the machine: the system read-only, a chosen part of /etc, devices, and a /proc and /sys with
the same parts masked as OCI runtimes mask them.

The functions return options of bwrap. Source of the masks: the defaults of moby (oci/defaults.go) and containerd.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sagewright.sandbox.base import Launch

PathMapping = Callable[[Path], str]
"""Maps a path of the machine to the path at which the sandbox's maker finds it."""

# Parts of /etc: name resolution, certificates, the loader, time and fonts; neither passwords nor keys.
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "magic", "mime.types", "nsswitch.conf", "OpenCL", "openmpi", "pki", "protocols",
    "python3", "resolv.conf", "rpc", "services", "ssl", "terminfo", "timezone", "vulkan", "xdg", "pip.conf",
)  # fmt: skip
OF_ETC = tuple(Path("/etc") / name for name in _ETC)
"""The files of the machine's /etc that are visible where they exist."""
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    "/sys/fs/cgroup", "/sys/fs/selinux", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_OWN_ETC, _HOSTS = "etc", "hosts"
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
}


def system() -> list[str]:
    """Returns options for /usr and its links, /proc, /sys and /dev."""
    options = ["--ro-bind", "/usr", "/usr"]
    for name in _TOP:
        path = Path("/") / name
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            options += ["--ro-bind", str(path), str(path)]
    options += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
    return [*options, *_masks(), "--dir", "/run", "--dir", "/var"]


def _masks() -> list[str]:
    options = [part for path in _READ_ONLY if os.path.exists(path) for part in ("--ro-bind", path, path)]  # noqa: PTH110
    for path in _MASKED:
        if os.path.isdir(path):  # noqa: PTH112
            options += ["--tmpfs", path, "--remount-ro", path]
        elif os.path.exists(path):  # noqa: PTH110
            options += ["--ro-bind", "/dev/null", path]
    return options


def etc(launch: Launch) -> dict[str, Path]:
    """Returns what /etc shows, by name: a whitelist of the machine's, and the job's own files for names, which it writes."""
    own = launch.directory / _OWN_ETC
    own.mkdir(exist_ok=True)
    write_hosts(launch.directory, launch.addresses)
    for name, text in (_ACCOUNTS | {"hostname": f"{launch.host}\n"}).items():
        (own / name).write_text(text)
    shown = {path.name: Path(os.path.realpath(path)) for path in machine_files()}
    return shown | {name: own / name for name in (*_ACCOUNTS, _HOSTS, "hostname")}


def machine_files() -> list[Path]:
    """Returns the visible files of the machine's /etc."""
    present = set(os.listdir("/etc"))  # noqa: PTH208 - one list instead of a look at each, at each start of a sandbox
    return [path for path in OF_ETC if path.name in present and path.exists()]


def write_hosts(directory: Path, addresses: Mapping[str, str]) -> None:
    """Writes /etc/hosts of the sandbox of HOST_DIRECTORY in place, since it may be mounted already."""
    lines = "".join(f"{address}\t{name}\n" for name, address in addresses.items())
    content = f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{lines}".encode()
    file = os.open(directory / _OWN_ETC / _HOSTS, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:  # never empty in between: when a file that was emptied is closed, ext4 writes it to the disk at once
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))
    finally:
        os.close(file)


def interpreter(environment: Path) -> list[Path]:
    """Returns the prefix of the Python that the environment was created from, unless it is the system's."""
    prefix = (environment / "bin" / "python").resolve().parent.parent
    return [] if prefix.is_relative_to("/usr") else [prefix]


def read_only(paths: Iterable[Path], place: PathMapping) -> list[str]:
    return [option for path in sorted(paths) for option in ("--ro-bind", place(path), str(path))]


def devices() -> list[str]:
    """Returns options for GPUs."""
    return [option for device in machine_devices() for option in ("--dev-bind", str(device), str(device))]


def machine_devices() -> list[Path]:
    """Returns the machine's devices that are shown."""
    names = os.listdir("/dev")  # noqa: PTH208 - three patterns of pathlib take ten times as long, at each start of a job
    return [Path("/dev") / name for name in names if name.startswith("nvidia") or name in {"dri", "kfd"}]
