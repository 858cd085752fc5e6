"""A process that puts objects is killed at any moment: what it had acknowledged is there, whole."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.objects.bucketstore import BucketStore
from sagewright.objects.scrub import Scrub, ScrubReport
from sagewright.store.database import Database
from sagewright.store.objects import objects

KILLS = int(os.environ.get("SAGEWRIGHT_TEST_KILLS", "30"))
LONGEST_S = 0.25


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


def may_hold(journal: Path) -> dict[str, set[str | None]]:
    """For each key the MD5s it may have now: of the last put that was acknowledged and of those tried after it."""
    allowed: dict[str, set[str | None]] = {}
    for line in journal.read_text().splitlines():
        word, key, *md5 = line.split()
        if word == "try":
            allowed.setdefault(key, {None}).add(md5[0])
        elif word == "drop":
            allowed[key].add(None)
        else:
            allowed[key] = {md5[0] if md5 else None}
    return allowed


def test_nothing_acknowledged_is_lost(database: Database, tmp_path: Path) -> None:
    store = BucketStore(database, tmp_path / "objects", "off", "000000000000", "us-east-1")
    store.buckets.create("b")
    journal, root = tmp_path / "journal", tmp_path / "objects"
    arguments = [f"sqlite:///{tmp_path / 'store.sqlite'}", str(root), str(journal)]
    script = str(Path(__file__).with_name("putter.py"))
    command = [sys.executable, script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as putter:
        assert putter.stdin
        assert putter.stdout
        for _ in range(KILLS):
            putter.stdin.write("go\n")
            child = int(putter.stdout.readline())
            time.sleep(random.uniform(0.05, LONGEST_S))
            os.kill(child, signal.SIGKILL)
            assert putter.stdout.readline() == "ended\n"
        putter.stdin.close()
    allowed = may_hold(journal)
    check(store, allowed)
    store.collect(grace_s=0, rest_s=0)
    check(store, allowed)
    assert Scrub(store).run(0).document() | {"objects": 0, "parts": 0, "bytes": 0} == ScrubReport().document()
    assert not list((root / "incoming").iterdir())
    with database.read() as connection:
        files = {path.name for path in (root / "blobs").glob("*/*")}
        assert objects.referenced(connection, files) == files


def etag_of_parts(data: bytes) -> str:
    """S3's answer about an upload in the parts that putter.py makes."""
    size = max(2048, len(data) // 4)
    pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    digests = b"".join(hashlib.md5(piece, usedforsecurity=False).digest() for piece in pieces)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(pieces)}"


def check(store: BucketStore, allowed: dict[str, set[str | None]]) -> None:
    """Each key holds one of its allowed values, whole. That its ETag agrees is for Scrub to see."""
    there = {version.key: version for version in store.listing.all_keys("b", "")}
    assert len(allowed) > KILLS
    assert set(there) <= set(allowed)
    for key, md5s in allowed.items():
        if key not in there:
            assert None in md5s, f"{key} is lost"
            continue
        data = store.read_bytes("b", key)
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        assert found in md5s, f"{key} holds {found}, not one of {md5s}"
        assert len(data) == there[key].size
        number = key.rpartition("-")[2]
        in_parts = number.isdigit() and int(number) % 5 == 2  # as putter.py has it
        assert there[key].etag == (etag_of_parts(data) if in_parts else found)
