"""Environments made beside the queue: one process each, and what becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sagewright.engine.jobs import environment_builds
from sagewright.engine.jobs.environment_builds import BuildFailed, EnvironmentBuilds
from sagewright.model.clock import now_ms
from sagewright.runtimes.building import PROGRESS
from sagewright.runtimes.environments import Environment, Environments
from sagewright.runtimes.images import resolve_image

REAL = subprocess.Popen
IMAGE = resolve_image("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3")
PLAIN = resolve_image("python:3.11")


def test_an_image_of_its_own_needs_none(tmp_path: Path) -> None:
    assert EnvironmentBuilds(tmp_path, "nearest", lambda: None).missing(resolve_image("mine:1"), 0) == ""


def test_one_that_is_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_command: Any, **_options: Any) -> None:
        raise AssertionError("a builder was started")

    monkeypatch.setattr(Environments, "ready", lambda *_: Environment(tmp_path, "3.11", {}))
    monkeypatch.setattr(Environments, "is_compiled", lambda *_: True)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert EnvironmentBuilds(tmp_path, "nearest", lambda: None).missing(IMAGE, 0) == ""


def test_one_whose_builder_was_killed_gets_its_bytecode_while_jobs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = Environments(tmp_path, compiles=False)
    made = environments.ensure(PLAIN)
    started: list[Any] = []

    def start(*command: Any, **options: Any) -> Any:
        started.append(REAL(*command, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    over = threading.Event()
    builds = EnvironmentBuilds(tmp_path, "nearest", over.set)
    assert builds.missing(PLAIN, now_ms()) == ""
    (builder,) = started
    os.killpg(builder.pid, signal.SIGKILL)
    assert over.wait(60)
    assert not environments.is_compiled(made)
    assert EnvironmentBuilds(tmp_path, "nearest", over.set).missing(PLAIN, now_ms()) == ""
    end = time.monotonic() + 60
    while not environments.is_compiled(made):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_one_that_cannot_be_read_is_left_to_the_agent(tmp_path: Path) -> None:
    """It must not keep the queue from going on."""
    name = Environments(tmp_path).key_of(IMAGE)
    (tmp_path / name).mkdir()
    (tmp_path / name / "sagewright-environment.json").write_text("{")
    assert EnvironmentBuilds(tmp_path, "nearest", lambda: None).missing(IMAGE, 0) == ""


def test_a_build_that_fails_says_why_and_is_tried_again_for_later_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its builder is a process: the index it is sent to does not answer."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    over = threading.Event()
    builds = EnvironmentBuilds(tmp_path / "environments", "nearest", over.set)
    before = now_ms()
    name = builds.missing(IMAGE, before)
    assert name.startswith("sklearn-")
    assert builds.missing(IMAGE, before) == name, "the same build is waited for"
    with pytest.raises(BuildFailed, match="uv"):
        for _ in range(30):
            assert over.wait(60)
            over.clear()
            builds.missing(IMAGE, before)
    assert builds.missing(IMAGE, now_ms() + 60_000) == name, "a later job has it tried again"
    assert over.wait(60)


def test_a_build_says_what_it_is_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __init__(self, command: list[str], **options: Any) -> None:
            script = f"import time; print({PROGRESS!r} + '2 s: resolving', flush=True); time.sleep(1)"
            self.process = REAL([sys.executable, "-c", script], **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.process, name)

    monkeypatch.setattr(subprocess, "Popen", Slow)
    told = threading.Semaphore(0)
    builds = EnvironmentBuilds(tmp_path, "nearest", told.release)
    name = builds.missing(IMAGE, now_ms())
    assert told.acquire(timeout=60)
    assert builds.progress(name) == "2 s: resolving"
    assert told.acquire(timeout=60)
    assert builds.progress(name) == "", "it has ended"


def test_builds_wait_for_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_builds, "MOST_BUILDS", 0)
    assert EnvironmentBuilds(tmp_path, "nearest", lambda: None).missing(IMAGE, 0)
    assert not list(tmp_path.iterdir())
