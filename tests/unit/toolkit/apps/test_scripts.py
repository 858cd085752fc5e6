"""Life-cycle scripts have a limit, an exit code and a log, whatever they do."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

import pytest

from sagewright.toolkit.apps import scripts
from sagewright.toolkit.apps.errors import SetupFailed


def script(text: str, name: str = "mine") -> dict[str, str]:
    return {"name": name, "hook": "OnStart", "content": base64.b64encode(text.encode()).decode()}


def test_it_runs_in_the_home_and_its_output_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scripts.run([script("pwd; echo kept > here"), script("#!/bin/cat\nthird")], tmp_path)
    assert (tmp_path / "here").read_text() == "kept\n"
    printed = capfd.readouterr().out
    assert str(tmp_path) in printed
    assert "third" in printed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo why; exit 9", "ended with exit code 9: why"),
        ("kill -9 $$", "ended with exit code -9: it printed nothing."),
        ("#!/no/such/interpreter\n", "can't be executed: No such file or directory."),
        ("\x00\xff\n", "ended with exit code 126"),
        ("printf 'a\\xff%.0s' $(seq 1 9999); exit 1", "ended with exit code 1"),
    ],
)
def test_a_failure_names_the_configuration_and_the_exit_code(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SetupFailed) as failed:
        scripts.run([script(text, "the name")], tmp_path)
    assert "the name (OnStart)" in str(failed.value)
    assert reason in str(failed.value)
    assert len(str(failed.value)) < 1024


def test_it_ends_at_its_limit_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(scripts.LIMIT_VARIABLE, "0.5")
    with pytest.raises(SetupFailed, match=r"did not end within its limit of 0\.5 s"):
        scripts.run([script("(sleep 60; touch left) & while :; do :; done")], tmp_path)
    assert not (tmp_path / "left").exists()


def test_what_it_leaves_running_does_not_hold_the_start(tmp_path: Path) -> None:
    scripts.run([script("sleep 60 & echo $! > pid")], tmp_path)
    pid = int((tmp_path / "pid").read_text())
    assert Path(f"/proc/{pid}").exists()
    os.kill(pid, signal.SIGKILL)


def test_only_the_beginning_of_a_flood_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[str] = []
    monkeypatch.setattr(scripts, "_put", lambda _group, _stream, lines: stored.extend(lines))
    flood = script("yes flood | head -c 3000000; echo end") | {"group": "g", "stream": "s"}
    scripts.run([flood], tmp_path)
    assert sum(len(line) + 1 for line in stored) <= scripts.MOST_LOGGED + 1
