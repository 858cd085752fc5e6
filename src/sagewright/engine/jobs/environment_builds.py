"""Environments that queued jobs lack: made beside the queue, in processes of their own, so that no job holds CPUs meanwhile."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sagewright.model import process_memory
from sagewright.model.clock import now_ms
from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import Image
from sagewright.runtimes.launch import has_environment
from sagewright.runtimes.pipconfig import PipSources

MOST_BUILDS = 4
"""That run at a time; other environments wait for their turn."""
MOST_REASON = 2000
MOST_KNOWN = 1000
"""Images and failures that are remembered: their names are what clients send."""
log = logging.getLogger("sagewright.engine.jobs.environment_builds")


class BuildFailed(RuntimeError):
    """An environment can't be made; the message says why, for the user."""


@dataclass(frozen=True)
class _Failure:
    at_ms: int
    reason: str


class EnvironmentBuilds:
    """The environments in `directory`, by the policy framework_versions. `done()` is called after each build.

    What it does is repeated safely: builders of one environment take turns, in any process, and one that is complete is not made
    again. Agents make an environment that has vanished since.
    """

    def __init__(self, directory: Path, policy: str, done: Callable[[], None]) -> None:
        self._environments = Environments(directory, policy, PipSources())
        self._done = done
        self._lock = threading.Lock()
        self._ready: set[str] = set()
        self._running: set[str] = set()
        self._failures: dict[str, _Failure] = {}

    def missing(self, image: Image, since_ms: int) -> str:
        """The name of the environment that a job waits for, "" if it is there. It is being made then, or will be.

        Raises BuildFailed if it could not be made; a job that came after that (`since_ms`) has it tried again.
        """
        if not has_environment(image):
            return ""
        with self._lock:
            if image.uri in self._ready or self._stands(image):
                return ""
            key = self._environments.key_of(image)
            failure = self._failures.get(key)
            if failure is not None and since_ms <= failure.at_ms:
                raise BuildFailed(failure.reason)
            if key not in self._running and len(self._running) < MOST_BUILDS:
                try:
                    self._start(key, image)
                except OSError as error:  # no process can be had now
                    log.warning("the builder of the environment %s can't be started: %s", key, error)
            return key

    def _stands(self, image: Image) -> bool:
        """Whether it is there; one that can't be read is left to the job's agent, which says so."""
        try:
            stands = self._environments.ready(image) is not None
        except (OSError, ValueError, LookupError) as error:
            log.warning("the environment of %s can't be read: %s", image.uri, error)
            return True
        if stands:
            if len(self._ready) >= MOST_KNOWN:
                self._ready.clear()
            self._ready.add(image.uri)
        return stands

    def _start(self, key: str, image: Image) -> None:
        program = [sys.executable, "-m", "sagewright.runtimes.building"]
        process = subprocess.Popen(
            [*program, str(self._environments.directory), self._environments.policy, image.uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        process_memory.free(process.pid)
        self._running.add(key)
        log.info("the environment %s is being made", key)
        threading.Thread(target=self._await, args=(key, process), name=f"build {key}", daemon=True).start()

    def _await(self, key: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.read().decode(errors="replace").strip()
        status = process.wait()
        process.stdin.close()
        process.stdout.close()
        with self._lock:
            self._running.discard(key)
            if status:
                reason = said[-MOST_REASON:] or f"its builder ended with the status {status}"
                log.warning("the environment %s can't be made: %s", key, reason)
                while len(self._failures) >= MOST_KNOWN:
                    del self._failures[next(iter(self._failures))]
                self._failures[key] = _Failure(now_ms(), reason)
        self._done()
