"""The warm pool's cache goes from job to job as a whole, whatever a job has put in its place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.double import Double, host_document
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.optml import OptMl
from sagewright.agent.process.warm_cache import WarmCache


class Hosts:
    def __init__(self, double: Double, base: Path) -> None:
        self.double, self.base, self.kept = double, base, base / "pools" / "c" / "algo-1"

    def next(self, name: str) -> tuple[WarmCache, Path]:
        directory = self.base / name
        directory.mkdir()
        (directory / "host.json").write_text(json.dumps(host_document(self.double, warm_cache=str(self.kept))))
        ml = OptMl(directory / "ml")
        ml.make(["model"])
        return WarmCache(read_host_file(directory), ml), ml.root / "sagemaker" / "warmpoolcache"


@pytest.fixture
def hosts(double: Double, tmp_path: Path) -> Hosts:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "secret").write_bytes(b"secret")
    return Hosts(double, tmp_path)


def test_the_next_job_finds_it(hosts: Hosts) -> None:
    cache, place = hosts.next("one")
    cache.bring()
    (place / "file").write_bytes(b"mine")
    cache.keep()
    assert not place.exists()
    cache, place = hosts.next("two")
    cache.bring()
    assert (place / "file").read_bytes() == b"mine"
    assert not hosts.kept.exists()


def test_checkpoints_below_it_do_not_hide_it(hosts: Hosts) -> None:
    hosts.kept.mkdir(parents=True)
    (hosts.kept / "file").write_bytes(b"mine")
    cache, place = hosts.next("one")
    (place / "checkpoints").mkdir(parents=True)
    cache.bring()
    assert [entry.name for entry in place.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["sagemaker", "sagemaker/warmpoolcache"])
@pytest.mark.parametrize("make", [lambda at, to: at.symlink_to(to), lambda at, _to: os.mkfifo(at), lambda *_: None])
def test_what_the_job_puts_in_its_place_is_not_kept(
    hosts: Hosts, step: str, make: Callable[[Path, Path], None]
) -> None:
    cache, place = hosts.next("one")
    cache.bring()
    replaced = place.parent.parent / step
    replaced.rename(hosts.base / "away")
    (hosts.base / "others" / "warmpoolcache").mkdir()
    make(replaced, hosts.base / "others")
    cache.keep()
    assert not hosts.kept.exists()
    assert sorted(entry.name for entry in (hosts.base / "others").iterdir()) == ["secret", "warmpoolcache"]


def test_what_is_kept_already_gives_way(hosts: Hosts) -> None:
    cache, place = hosts.next("one")
    cache.bring()
    hosts.kept.mkdir(parents=True)
    (hosts.kept / "old").write_bytes(b"old")
    (place / "new").write_bytes(b"new")
    cache.keep()
    assert [entry.name for entry in hosts.kept.iterdir()] == ["new"]
