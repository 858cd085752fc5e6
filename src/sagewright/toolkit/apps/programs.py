"""Commands of the programs, all of which listen on the Unix socket that the job names.

Source: the documentation of jupyter-server 2 and JupyterLab 4. The proxy in front of the socket authenticates, so there is
neither a token nor a password; no other process reaches the socket. Nothing is fetched at the start: no news, no updates, no
extensions.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagewright.toolkit.apps.errors import SetupFailed
from sagewright.toolkit.apps.waiting_kernel import LAUNCHER

KERNELS_VARIABLE = "SAGEWRIGHT_KERNELS"
OWN_KERNEL, OWN_TITLE = "python3", "Python 3 (SDK v3)"
KERNEL_OPTIONS = ["-Xfrozen_modules=off"]
"""Options of a kernel's interpreter; its debugger needs modules that are not frozen."""
_QUIET = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/extensionmanager-extension:plugin": {"enabled": False},
}
_PAGE = {
    "buildAvailable": False,
    "buildCheck": False,
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,
        "@jupyterlab/extensionmanager-extension": True,
        "@jupyterlab/hub-extension": True,
    },
}
"""Parts of JupyterLab's page that an app can't use: extensions can't be built or installed in it, and there is no JupyterHub."""
_SETTINGS = {
    "ServerApp.open_browser": "False",
    "ServerApp.allow_root": "True",
    "ServerApp.allow_remote_access": "True",
    "ServerApp.terminals_enabled": "True",
    "ServerApp.quit_button": "False",
    "ServerApp.shutdown_no_activity_timeout": "0",
    "IdentityProvider.token": "",
    "PasswordIdentityProvider.password_required": "False",
    "PasswordIdentityProvider.allow_password_change": "False",
    "LabApp.extension_manager": "readonly",
    "LabApp.news_url": "",
    "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    "MappingKernelManager.default_kernel_name": OWN_KERNEL,
    "ServerApp.jpserver_extensions": str(
        {f"sagewright.toolkit.apps.{name}": True for name in ("jupyter_activity", "jupyter_start")}
    ),
    "LanguageServerManager.autodetect": "False",  # it would start npm
}
_MOST_IPC = 40
"""Maximum length of the directory of kernels' sockets: a socket's path has at most 107 bytes."""


_BACKEND = "sagewright.toolkit.notebook_jobs.scheduler"
_NOTEBOOK_JOBS = {
    "SchedulerApp.scheduler_class": f"{_BACKEND}.SageMakerScheduler",
    "SchedulerApp.environment_manager_class": f"{_BACKEND}.SageMakerEnvironments",
    "BaseScheduler.execution_manager_class": f"{_BACKEND}.SageMakerExecution",
    "SchedulerApp.job_files_manager_class": f"{_BACKEND}.SageMakerJobFiles",
}
"""JupyterLab's menu "Create Job" makes training jobs and schedules here."""


@dataclass(frozen=True)
class AppPlace:
    """`socket`: where the program listens; `home`: its directory; `arguments`: further ones of the program."""

    socket: Path
    home: Path
    arguments: list[str]


PACKAGE = __name__.partition(".")[0]
"""The program of Data Wrangler is named, not imported: code that runs inside jobs doesn't know it."""


def jupyter(place: AppPlace) -> list[str]:
    """Returns the command of JupyterLab, after writing its kernel specifications and default settings."""
    own = Path(os.environ.get("TMPDIR", "/tmp")) / "jupyter"  # noqa: S108 - the sandbox's own
    _write_kernels(own / "share" / "kernels")
    settings = own / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(_QUIET))
    (settings / "page_config.json").write_text(json.dumps(_PAGE))
    os.environ["JUPYTER_PATH"] = str(own / "share")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(own / "runtime")
    os.environ["JUPYTER_CONFIG_PATH"] = str(_installed() / "etc" / "jupyter")
    os.environ["JUPYTERLAB_SETTINGS_DIR"] = str(place.home / ".jupyter" / "lab" / "user-settings")
    transport = "ipc" if len(str(own)) < _MOST_IPC else "tcp"
    options = _SETTINGS | {
        "ConnectionFileMixin.transport": transport,  # by ipc other jobs of this machine reach no kernel
        "ServerApp.sock": str(place.socket),
        "ServerApp.root_dir": str(place.home),
        "LabApp.app_settings_dir": str(settings),
    }
    if find_spec("jupyter_scheduler") is not None:
        options |= _NOTEBOOK_JOBS | {"SchedulerApp.db_url": f"sqlite:///{own / 'scheduler.sqlite'}"}
    return [
        sys.executable,
        "-m",
        f"{__name__.rpartition('.')[0]}.lab",
        *(f"--{name}={value}" for name, value in options.items()),
    ]


def code_editor(place: AppPlace) -> list[str]:
    """Returns the command of the user's own code-server. Raises SetupFailed."""
    program = place.arguments[0]
    if not os.access(program, os.X_OK):
        raise SetupFailed(f"The program {program} of the setting code_editor can't be executed in the app's sandbox.")
    return [
        program,
        "--auth",
        "none",
        "--socket",
        str(place.socket),
        "--disable-telemetry",
        "--disable-update-check",
        str(place.home),
    ]


def wrangler(_place: AppPlace) -> list[str]:
    return [sys.executable, "-m", f"{PACKAGE}.wrangler.session"]


PROGRAMS: dict[str, Callable[[AppPlace], list[str]]] = {
    "jupyter": jupyter,
    "code-editor": code_editor,
    "wrangler": wrangler,
}


def link_programs(place: Path) -> None:
    """Puts the programs of further environments into a directory of the PATH."""
    for one in _environments():
        if one["program"]:
            link = place / one["program"]
            link.unlink(missing_ok=True)
            link.symlink_to(Path(one["python"]).parent / one["program"])


def _environments() -> list[dict[str, Any]]:
    """Returns the environments of further kernels and programs, as the agent describes them."""
    found: list[dict[str, Any]] = json.loads(os.environ.get(KERNELS_VARIABLE) or "[]")
    return found


def _installed() -> Path:
    """Returns the prefix in which JupyterLab is installed: of a private environment it is another one's."""
    found = find_spec("jupyterlab")
    return Path(found.origin).parents[4] if found is not None and found.origin else Path(sys.prefix)


def _write_kernels(place: Path) -> None:
    """Writes the specification of each kernel; a kernel's own environment comes first on its PATH."""
    own = {"name": OWN_KERNEL, "title": OWN_TITLE, "python": sys.executable, "environment": {}}
    for kernel in [own, *(one for one in _environments() if not one["program"])]:
        python = Path(kernel["python"])
        variables = {"PATH": f"{python.parent}:${{PATH}}", "VIRTUAL_ENV": str(python.parent.parent)}
        specification = {
            "argv": [str(python), *KERNEL_OPTIONS, "-m", LAUNCHER, "-f", "{connection_file}"],
            "display_name": kernel["title"],
            "language": "python",
            "env": variables | kernel["environment"],
            "metadata": {"debugger": True},
        }
        (place / kernel["name"]).mkdir(parents=True, exist_ok=True)
        (place / kernel["name"] / "kernel.json").write_text(json.dumps(specification))
