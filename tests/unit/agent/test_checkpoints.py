"""Checkpoints between a job's directory and S3, while the process runs and after it."""

from __future__ import annotations

import time
from typing import Any

from agent.conftest import Start
from agent.double import Double
from agent.test_host import SANDBOXES, entry, until

HERE = (
    "import os, pathlib, time\n"
    "here = pathlib.Path(os.environ.get('SAGEWRIGHT_ML_ROOT', '/opt' + '/ml'), 'checkpoints')\n"
)


def begin(start: Start, script: str, **changes: Any) -> None:
    start(request=entry(HERE + script, CheckpointConfig={"S3Uri": "s3://ck/run"}), **changes)


def test_checkpoints_come_down_and_go_up(double: Double, start: Start) -> None:
    double.put("s3://ck/run/epoch-1", b"one")
    script = (
        "print(sorted(f.name for f in here.iterdir()))\n"
        "(here / 'sub').mkdir(); (here / 'sub' / 'epoch-2').write_text('two')\n"
    )
    begin(start, script)
    double.wait_finished()
    assert double.lines("h1")[-1] == "['epoch-1']"
    assert double.objects["ck", "run/sub/epoch-2"] == b"two"


@SANDBOXES
def test_what_the_process_removes_is_removed_while_it_runs(double: Double, start: Start, sandbox: str) -> None:
    for name in ("run/old", "run/kept", "runner/of-another"):
        double.put(f"s3://ck/{name}", b"x")
    script = (
        "(here / 'old').unlink(); (here / 'new').write_text('new'); print('first', flush=True)\n"
        "time.sleep(4)\n"
        "(here / 'new').unlink(); (here / 'last').write_text('last'); print('second', flush=True)\n"
        "time.sleep(4)\n"
    )
    begin(start, script, sandbox=sandbox)
    until(lambda: ("ck", "run/new") in double.objects and ("ck", "run/old") not in double.objects)
    assert "second" not in double.lines("h1")
    until(lambda: ("ck", "run/last") in double.objects and ("ck", "run/new") not in double.objects)
    assert double.of("h1", "exited") == []
    double.wait_finished()
    assert {key for _bucket, key in double.objects if key.startswith("run")} == {
        "run/kept",
        "run/last",
        "runner/of-another",
    }


@SANDBOXES
def test_a_file_that_is_being_written_is_not_sent(double: Double, start: Start, sandbox: str) -> None:
    """The writer pauses for longer than a round of the sync with the file half written; S3 never holds a half."""
    script = (
        "with (here / 'model').open('w') as file:\n"
        "    file.write('first half, '); file.flush()\n"
        "    print('half', flush=True); time.sleep(5)\n"
        "    file.write('second half')\n"
        "time.sleep(4)\n"
    )
    begin(start, script, sandbox=sandbox)
    until(lambda: "half" in double.lines("h1"))
    seen = set()
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline and not double.of("h1", "exited"):
        seen.add(double.objects.get(("ck", "run/model")))
        time.sleep(0.02)
    assert seen == {None, b"first half, second half"}
    double.wait_finished()


def test_what_is_written_at_the_notice_of_an_interruption_is_kept_and_no_model_is(double: Double, start: Start) -> None:
    script = (
        "import signal, sys\n"
        "def save(*_): (here / 'last').write_text('last'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save); print('up', flush=True); time.sleep(60)\n"
    )
    begin(start, script)
    until(lambda: "up" in double.lines("h1"))
    double.desired = lambda _host: "interrupt"
    double.wait_finished()
    assert [exited["cause"] for exited in double.of("h1", "exited")] == ["interrupt"]
    assert double.objects["ck", "run/last"] == b"last"
    assert double.of("h1", "phase") == ["Downloading", "Training"]
    assert not [key for bucket, key in double.objects if bucket == "out"]
