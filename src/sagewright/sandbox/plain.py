"""No isolation: an ordinary process of the same user. Missing capabilities are declared."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sagewright.sandbox.base import CAPABILITIES, MEMORY_VARIABLE, Command, Launch, Support, View, check_words
from sagewright.sandbox.overlay import Places, make_private_environment

_WHY_NOT = {
    "own_ml_root": "without a mount namespace /opt/ml would be shared by all jobs; SAGEWRIGHT_ML_ROOT names the job's own",
    "own_tmp": "TMPDIR points to a directory of the job, but /tmp itself is the machine's",
    "own_pids": "without a pid namespace every process of the user is visible",
    "hosts_file": "/etc/hosts is the machine's",
    "no_network": "without a network namespace the machine's network is in reach",
    "read_only_system": "the process may write whatever its user may",
    "unprivileged": "the process has the rights of the server's user",
    "any_user": "without a user namespace there is no other user",
    "hidden_home": "the process may read whatever its user may",
    "layers": "without a mount namespace there is no overlay",
    "stand_in_programs": "without a mount namespace /usr/sbin is the machine's",
    "shared_views": "without a mount namespace the process could change the files themselves",
    "private_views": "without a mount namespace there is no overlay",
}


class PlainSandbox:
    """The declared fallback. The process is started in a new session and ends with the agent if the machine has `setpriv`;
    remaining processes are found by SAGEWRIGHT_HOST_ID."""

    name = "plain"

    def declare(self) -> dict[str, Support]:
        given = {name: Support(False, reason) for name, reason in _WHY_NOT.items()}
        given["own_ports"] = Support(True, "it is a process like any other")
        given["joins_network"] = Support(True, "it is a process like any other")
        given["shared_memory"] = Support(True, "by a descriptor of the agent's")
        given["writable_environment"] = Support(True, "a private environment on top of the shared one")
        return {name: given[name] for name in CAPABILITIES}

    def ml_root(self, directory: Path) -> Path:
        return directory / "ml"

    def command(self, launch: Launch) -> Command:
        check_words(launch)
        ml = self.ml_root(launch.directory)
        for view in launch.views:
            _show(view, ml)
        environment = launch.directory / "environment"
        make_private_environment(Places(launch.environment, environment, launch.environment, environment))
        temporary = launch.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        environ = {
            **launch.environ,
            "SAGEWRIGHT_ML_ROOT": str(ml),
            "TMPDIR": str(temporary),
            "HOME": str(temporary),
            "VIRTUAL_ENV": str(environment),
            "PATH": f"{environment / 'bin'}:{launch.environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}",
            "PYTHONPATH": _joined(launch.library, launch.environ.get("PYTHONPATH", "")),
        }
        if launch.memory is not None:
            environ[MEMORY_VARIABLE] = f"/proc/{os.getpid()}/fd/{launch.memory}"
        within = launch.mounts.enter if launch.mounts else []
        return Command([*_die_with_parent(), *_resolved(launch.argv, environment)], environ, ml, wrapper=within)

    def close(self, directory: Path) -> None:
        """No-op: nothing is mounted."""


def _show(view: View, ml: Path) -> None:
    """Puts a link in the place of the empty directory."""
    if view.access != "write":
        raise ValueError(f"the sandbox plain gives no view with the access {view.access}")
    place = ml / view.place
    place.rmdir()
    place.symlink_to(view.source / view.beneath, target_is_directory=True)


def _joined(library: Path, rest: str) -> str:
    return f"{library}:{rest}" if rest else str(library)


def _resolved(argv: list[str], environment: Path) -> list[str]:
    """Returns the argv with the full path of an environment's program, since the agent's PATH is not the job's."""
    program = environment / "bin" / argv[0]
    return [str(program), *argv[1:]] if "/" not in argv[0] and program.exists() else argv


def _die_with_parent() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
