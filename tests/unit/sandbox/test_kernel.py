"""Waiting for the ends of processes that are not this one's children."""

from __future__ import annotations

import subprocess
import threading
import time

from sagewright.sandbox.kernel import await_end


def test_it_returns_when_one_of_several_has_ended() -> None:
    with subprocess.Popen(["sleep", "600"]) as lasting, subprocess.Popen(["cat"], stdin=subprocess.PIPE) as ending:
        assert ending.stdin is not None
        returned = threading.Event()

        def wait() -> None:
            await_end([lasting.pid, ending.pid], 500)
            returned.set()

        threading.Thread(target=wait, daemon=True).start()
        assert not returned.wait(0.1)
        ending.stdin.close()
        assert returned.wait(60)
        lasting.kill()


def test_it_does_not_wait_longer_than_it_may() -> None:
    began = time.monotonic()
    with subprocess.Popen(["sleep", "600"]) as lasting:
        await_end([lasting.pid], 0.01)
        lasting.kill()
    assert time.monotonic() - began < 300


def test_processes_that_are_gone_are_not_waited_for() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    await_end([gone.pid], 10_000)
    await_end([], 10_000)
