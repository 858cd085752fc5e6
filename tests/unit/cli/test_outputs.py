"""Every command that prints data prints it as JSON too, and every list in the other formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from sagewright.cli.main import app

WITHOUT = {
    "acts": {
        "up", "down", "service install", "service uninstall", "exec", "env prebuild", "env prune", "run", "jobs stop",
        "jobs wait", "jobs shell", "jobs interrupt", "processing stop", "processing wait", "transform stop",
        "transform wait", "tuning stop", "tuning wait", "pipelines start", "pipelines stop", "pipelines retry",
        "endpoints delete", "models approve", "models reject", "models add", "models remove", "deploy-rule create",
        "deploy-rule delete", "cp", "sync", "objects gc", "weights add", "solutions run", "solutions remove", "wrangle",
        "guide", "studio", "open", "notebook open", "notebook run", "processing history", "users create",
        "users delete", "users grant", "users sign-in", "keys create", "keys rotate", "keys revoke",
        "keys rotate-master", "restore", "quotas set", "quotas unset", "quotas approve", "quotas deny",
    },
    "prints lines of logs, or files, as they are": {
        "jobs logs", "processing logs", "transform logs", "pipelines logs", "endpoints logs", "endpoints invoke",
        "examples show", "solutions show", "experiments export", "env show", "completion",
    },
}  # fmt: skip
"""Commands that print no data of their own, by the reason."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Each command with its options."""
    if not hasattr(command, "list_commands"):
        yield " ".join(path), {option for one in command.params for option in one.opts}
        return
    context = command.context_class(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*path, name))


ALL = dict(commands(typer.main.get_command(app)))
SILENT = set().union(*WITHOUT.values())


@pytest.mark.parametrize("name", sorted(ALL.keys() - SILENT))
def test_data_is_printed_as_json(name: str) -> None:
    assert "--json" in ALL[name]
    if name.rpartition(" ")[2] in {"list", "catalogue", "ls"}:
        assert {"--output", "-o"} <= ALL[name]


def test_the_exceptions_are_commands_without_the_option() -> None:
    assert len(ALL) > 60
    assert ALL.keys() >= SILENT
    assert [name for name in SILENT if "--json" in ALL[name]] == []
