"""A folder that gives a person access to the server: its URL, and the person's key. `--data` and SAGEWRIGHT_DATA
accept it."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

import typer

from sagewright.cli.options import fail
from sagewright.door.environment import AUTHORITY, NoServer, ServerTarget, find_target
from sagewright.model.settings import Settings

PUBLIC = "public-endpoint"
"""Note of the URL for other machines, where there is one."""


@dataclass(frozen=True)
class PersonalKey:
    id: str
    secret: str


def target_of(settings: Settings) -> ServerTarget:
    """Returns the running server; ends the command if there is none."""
    try:
        return find_target(settings.data, settings.region, settings.account)
    except NoServer as error:
        fail(str(error))


def check_folder(to: Path | None) -> None:
    """Ends the command, before anything is changed, if the folder already contains a key or can't be written."""
    if to is None:
        return
    if (to / "credentials").exists():
        fail(f"{to} already contains a key; name an empty folder.")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"The folder {to} can't be written: {error}")


def hand_over(settings: Settings, key: PersonalKey, to: Path | None) -> None:
    """Writes the folder, or without one prints the key as a profile."""
    target = target_of(settings)
    if to is None:
        typer.echo(_profile(key, target))
        url = _notes(settings)["endpoint"].decode().strip()
        typer.echo(f"The secret is shown only now. Endpoint for AWS_ENDPOINT_URL: {url}", err=True)
        return
    check_folder(to)
    try:
        for name, content in _notes(settings).items():
            (to / name).write_bytes(content)
        with os.fdopen(os.open(to / "credentials", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_profile(key, target))
    except OSError as error:
        fail(f"The folder {to} can't be written: {error}")
    typer.echo(
        f"{to} contains the server's URL and the key. Use it: sagewright exec --data {to} -- python your_script.py"
    )


def _notes(settings: Settings) -> dict[str, bytes]:
    """Returns the files that a person needs besides a key: of a server with TLS, those for other machines."""
    names = {"endpoint": PUBLIC, AUTHORITY: AUTHORITY}
    if not (settings.data / PUBLIC).exists():
        names = {name: name for name in ("endpoint", "runtime-endpoint")}
    places = {name: settings.data / source for name, source in names.items()}
    return {name: place.read_bytes() for name, place in places.items() if place.exists()}


def _profile(key: PersonalKey, target: ServerTarget) -> str:
    """Returns the key in the format of `~/.aws/credentials`."""
    parser = configparser.ConfigParser()
    parser["default"] = {
        "aws_access_key_id": key.id,
        "aws_secret_access_key": key.secret,
        "region": target.region,
        "aws_account_id": target.account,
    }
    lines = (f"{name} = {value}" for name, value in parser["default"].items())
    return "\n".join(("[default]", *lines)) + "\n"
