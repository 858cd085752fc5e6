"""A process that runs programs in forks of itself."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.warmclient import WarmClient


class Over(BaseException):
    """The test's time is."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[WarmClient]:
    made = WarmClient([sys.executable], ("json",), tmp_path)
    yield made
    made.end()


def program(place: Path, text: str) -> Path:
    file = place / "program.py"
    file.write_text(text)
    return file


def test_a_program_says_and_returns_what_it_does(client: WarmClient, tmp_path: Path) -> None:
    done = client.run(program(tmp_path, "import sys; print(sys.argv[1:]); sys.exit(3)"), "a b", "c")
    assert (done.returncode, done.stdout, done.stderr) == (3, "['a b', 'c']\n", "")
    assert client.usable


def test_the_answer_of_a_program_that_nobody_waits_for_is_not_the_next_ones(client: WarmClient, tmp_path: Path) -> None:
    def over(*_: object) -> None:
        raise Over

    before = signal.signal(signal.SIGUSR1, over)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(Over):
            client.run(program(tmp_path, "import time; time.sleep(600)"))
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert not client.usable
