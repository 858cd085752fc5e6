"""Sentences on why a server can't start: the thing, its value, the limit and what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from sagewright.model.settings import BadSetting, Settings, load_settings
from sagewright.server.startfaults import CannotListen, start_fault


def _settings(tmp_path: Path, **given: object) -> Settings:
    return load_settings({"data": tmp_path, **given}, {})


def _listening(number: int) -> CannotListen:
    return CannotListen(OSError(number, "no"))


@pytest.mark.parametrize(
    ("error", "given", "words"),
    [
        (_listening(errno.EADDRINUSE), {"port": 4711}, ["4711 is taken", "--port 0"]),
        (_listening(errno.EACCES), {"port": 80}, ["80 is below 1024", "root", "--port 4700"]),
        (
            _listening(errno.EADDRNOTAVAIL),
            {"host": "192.0.2.7"},
            ["192.0.2.7 is not an address of this machine", "--host"],
        ),
        (OSError(errno.ENOSPC, "No space left on device"), {}, ["is full", "MiB are free", "--data DIR"]),
        (
            OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")),
            {},
            ["is full", "--data DIR"],
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/somewhere"),
            {},
            ["can't be used: /somewhere: Read-only file system", "SAGEWRIGHT_DATA"],
        ),
        (
            OperationalError("SELECT", {}, ConnectionRefusedError("connection refused")),
            {"database": "postgresql+psycopg://me:secret@db.example:5433/jobs"},
            ["The database jobs on db.example:5433 can't be reached", "connection refused", "SAGEWRIGHT_DATABASE"],
        ),
    ],
)
def test_a_sentence_names_thing_value_and_remedy(
    tmp_path: Path, error: Exception, given: dict[str, object], words: list[str]
) -> None:
    sentence = start_fault(error, _settings(tmp_path, **given))
    assert sentence is not None
    assert [word for word in words if word not in sentence] == []
    assert "secret" not in sentence


def test_a_fault_that_nobody_expected_keeps_its_traceback(tmp_path: Path) -> None:
    assert start_fault(RuntimeError("?"), _settings(tmp_path)) is None


def test_a_port_that_no_machine_has_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="80000 is out of range: a port is 0"):
        _settings(tmp_path, port=80000)
