"""Checkpoints between a job's directory and S3, while the process runs and after it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

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
    assert double.of("h1", "phase") == ["Downloading", "Running"]
    assert not [key for bucket, key in double.objects if bucket == "out"]


def test_links_and_odd_names_stay_where_they_are(double: Double, start: Start, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"the admin's secret")
    script = (
        f"(here / 'link').symlink_to({str(tmp_path / 'secret')!r}); (here / 'folder').symlink_to({str(tmp_path)!r})\n"
        "os.mkfifo(here / 'fifo'); open(os.fsencode(here) + b'/caf\\xe9', 'w').close()\n"
        "(here / 'file').write_text('mine'); time.sleep(3)\n"
    )
    begin(start, script)
    double.wait_finished()
    assert {key for bucket, key in double.objects if bucket == "ck"} == {"run/file"}
    assert sorted(line for line in double.lines("h1") if line.startswith("Checkpoints: ")) == [
        r"Checkpoints: 1 entry left out of the upload, their names are not UTF-8, as keys of S3 are; the first: 'caf\udce9'.",
        "Checkpoints: 3 entries left out of the upload, only files are uploaded; the first: 'fifo'.",
    ]


def test_a_sparse_checkpoint_larger_than_the_volume_ends_the_job(double: Double, start: Start) -> None:
    begin(start, "(here / 'sparse').touch(); os.truncate(here / 'sparse', 3 << 40); time.sleep(3)")
    double.wait_finished()
    (failed,) = double.of("h1", "failed")
    assert failed["message"] == (
        "Artifact upload failed:Insufficient disk space: /opt/ml/checkpoints has 3072.0 GiB, and VolumeSizeInGB is 1."
    )
    assert not [key for bucket, key in double.objects if bucket == "ck"]


@pytest.mark.parametrize(
    "key", ["run//etc/sagewright", "run/../../x", "run/a/../../../x", "run/./x", "run/" + "n" * 300]
)
def test_keys_that_anyone_wrote_lead_nowhere(double: Double, start: Start, key: str) -> None:
    double.put("s3://ck/run/fine", b"fine")
    double.objects["ck", key] = b"evil"
    begin(start, "print('ran')")
    double.wait_finished()
    (failed,) = double.of("h1", "failed")
    assert failed["class"] == "ClientError"
    assert failed["message"].startswith(f"Data download failed:the key {key!r} of bucket ck cannot be a file")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"S3Uri": "s3://ck/run", "LocalPath": "/tmp/checkpoints"}, "must be below /opt/ml"),
        ({"S3Uri": "s3://ck/run", "LocalPath": "/opt/ml/../etc"}, "must be below /opt/ml"),
        ({"S3Uri": "s3://ck/run", "LocalPath": "/opt/ml/" + "n" * 300}, "is longer than 255 bytes"),
        ({"S3Uri": "s3://ck/run", "LocalPath": "/opt/ml/input/config/hyperparameters.json"}, "cannot be a directory"),
        ({"S3Uri": "https://ck/run"}, "is not an S3 URI"),
    ],
)
def test_a_place_that_cannot_be_is_the_clients_fault(
    double: Double, start: Start, config: dict[str, str], text: str
) -> None:
    start(request=entry("print('ran')", CheckpointConfig=config))
    double.wait_finished()
    (failed,) = double.of("h1", "failed")
    assert failed["class"] == "ClientError"
    assert text in failed["message"]


@pytest.mark.parametrize("place", ["ck", "sub"])
def test_checkpoints_do_not_come_through_links_of_the_job_before(
    double: Double, start: Start, tmp_path: Path, place: str
) -> None:
    """A warm pool's cache may hold a link where the next job keeps its checkpoints."""
    kept = tmp_path / "pools" / "algo-1"
    (kept / "sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (kept / "ck").symlink_to(tmp_path / "outside")
    (kept / "sub" / "file").symlink_to(tmp_path / "outside" / "file")
    double.put("s3://ck/run/file", b"mine")
    config = {"S3Uri": "s3://ck/run", "LocalPath": f"/opt/ml/sagemaker/warmpoolcache/{place}"}
    script = "print(open('/opt/ml/sagemaker/warmpoolcache/sub/file').read())"
    start(request=entry(script, CheckpointConfig=config), warm_cache=str(kept))
    double.wait_finished()
    if place == "ck":
        assert double.of("h1", "failed")[0]["class"] == "ClientError"
    else:
        assert double.lines("h1")[-1] == "mine"
    assert list((tmp_path / "outside").iterdir()) == []
