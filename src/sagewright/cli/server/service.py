"""`sagewright service`: the server as a service of systemd."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sagewright.cli.options import FAILURE, DataOption, fail, settings_of

app = typer.Typer(help="The server as a service of systemd: install, uninstall.", no_args_is_help=True)
NAME = "sagewright.service"
SystemOption = Annotated[
    bool,
    typer.Option("--system", help="A system service, started at boot; needs root. By default a service of your user."),
]
_UNIT = """[Unit]
Description=Sagewright, an open SageMaker
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={command}
Restart=on-failure
# Jobs and endpoints outlive the server; each gets a control group of its own.
KillMode=process
Delegate=yes
TimeoutStopSec=60
{user}
[Install]
WantedBy={target}
"""


@app.command()
def install(
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port.", show_default="4700", min=1, max=65535)] = None,
    system: SystemOption = False,
    user: Annotated[
        str, typer.Option(help="With --system: the user that the service runs as.", show_default="you")
    ] = "",
    show: Annotated[bool, typer.Option("--print", help="Print the unit, and change nothing.")] = False,
) -> None:
    """Write a unit that runs `sagewright up` on the data directory, and start it now and at each boot."""
    if user and not system:
        fail("--user is for --system; your own service runs as you.")
    given = {"--host": host, "--port": None if port is None else str(port)}
    words = [
        sys.executable,
        "-P",
        "-m",
        "sagewright.cli.main",
        "up",
        "--data",
        str(settings_of(data=data).data.absolute()),
    ]
    words += [word for name, value in given.items() if value is not None for word in (name, value)]
    unit = unit_text(words, (user or getpass.getuser()) if system else "")
    if show:
        typer.echo(unit, nl=False)
        return
    if shutil.which("systemctl") is None:
        fail("This machine has no systemd (systemctl is missing); start the server by sagewright up --detach.", FAILURE)
    path = _path(system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}", FAILURE)
    typer.echo(f"wrote {path}")
    _systemctl(system, "daemon-reload")
    _systemctl(system, "enable", "--now", NAME)
    if not system:
        typer.echo("It runs while you are signed in; at each boot after: loginctl enable-linger")


@app.command()
def uninstall(system: SystemOption = False) -> None:
    """Stop the service and remove its unit; the data directory stays."""
    path = _path(system)
    if not path.exists():
        fail(f"There is no {path}.", FAILURE)
    _systemctl(system, "disable", "--now", NAME)
    try:
        path.unlink()
    except OSError as error:
        fail(f"{path} cannot be removed: {error.strerror}", FAILURE)
    typer.echo(f"removed {path}")
    _systemctl(system, "daemon-reload")


def unit_text(words: list[str], user: str) -> str:
    """Returns the unit. `user`: "" for a user's own service. Ends the command for a name that a unit file cannot contain."""
    if any(not word.isprintable() for word in (*words, user)):
        fail("A path or a name with control characters cannot stand in a unit of systemd.")
    line = f"User={user.replace('%', '%%')}\n" if user else ""
    target = "multi-user.target" if user else "default.target"
    return _UNIT.format(command=" ".join(map(_quoted, words)), user=line, target=target)


def _quoted(word: str) -> str:
    """Quotes a word of a command line as systemd reads it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _path(system: bool) -> Path:
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path("/etc/systemd/system") / NAME if system else config / "systemd" / "user" / NAME


def _systemctl(system: bool, *words: str) -> None:
    command = ["systemctl", *([] if system else ["--user"]), *words]
    typer.echo(f"running {' '.join(command)}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except OSError as error:
        fail(f"{' '.join(command)}: {error.strerror}", FAILURE)
    except subprocess.TimeoutExpired:
        fail(f"{' '.join(command)} did not end within 120 s.", FAILURE)
    if done.returncode != 0:
        fail(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()}", FAILURE)
