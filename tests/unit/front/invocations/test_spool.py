"""Captured records between front and server: whatever is killed, each record is there once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.front.invocations import spool
from sagewright.front.invocations.spool import CaptureSpool, CaptureTarget, Segment, segments

A, B = CaptureTarget("s3://b/p", "e", "v"), CaptureTarget("s3://b/p", "e", "w")


def lines(folder: Path) -> list[bytes]:
    return [line for one in segments(folder) for found in one.records().values() for line in found]


def test_records_come_out_by_their_targets(tmp_path: Path) -> None:
    made = CaptureSpool(tmp_path)
    for target, record in ((A, b"1"), (B, b"2\n3"), (A, b"")):
        assert made.keep(target, record)
    assert not lines(tmp_path), "the front still adds to it"
    assert made.close_segment()
    assert not made.close_segment(), "there is nothing new"
    (segment,) = segments(tmp_path)
    assert segment.records() == {A: [b"1", b""], B: [b"2\n3"]}


def test_the_same_segment_makes_the_same_names(tmp_path: Path) -> None:
    made = CaptureSpool(tmp_path)
    made.keep(A, b"1")
    made.close_segment()
    (one,), (again,) = segments(tmp_path), segments(tmp_path)
    assert one.name_for(A) == again.name_for(A) != one.name_for(B)


def test_a_killed_front_leaves_what_it_had_kept(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from sagewright.front.invocations.spool import *\n"
        "made = CaptureSpool(Path(sys.argv[1]))\n"
        "[made.keep(CaptureTarget('s3://b/p', 'e', 'v'), str(n).encode()) for n in range(50)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert lines(tmp_path) == [str(number).encode() for number in range(50)]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_record_that_was_not_finished_is_left_out(tmp_path: Path, cut: int) -> None:
    made = CaptureSpool(tmp_path)
    made.keep(A, b"first")
    made.keep(A, b"second")
    made.close_segment()
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - cut)
    assert lines(tmp_path) == [b"first"]


def test_a_full_spool_takes_nothing_until_it_is_emptied(tmp_path: Path) -> None:
    made = CaptureSpool(tmp_path, most_bytes=200)
    assert made.keep(A, b"x" * 100)
    assert not made.keep(A, b"x" * 100)
    made.close_segment()
    for one in segments(tmp_path):
        one.remove()
    assert made.keep(A, b"x" * 100)
    made.close_segment()


def test_a_full_disk_tears_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CaptureSpool(tmp_path)
    made.keep(A, b"first")
    whole = spool._write_all

    def torn(file: object, data: bytes) -> int:
        whole(file, data[:7])  # type: ignore[arg-type]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "_write_all", torn)
    with pytest.raises(OSError, match="No space"):
        made.keep(A, b"second")
    monkeypatch.setattr(spool, "_write_all", whole)
    made.keep(A, b"third")
    made.close_segment()
    assert lines(tmp_path) == [b"first", b"third"]


def test_a_large_segment_is_closed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 100)
    made = CaptureSpool(tmp_path)
    made.keep(A, b"x" * 200)
    assert [type(one) for one in segments(tmp_path)] == [Segment]
