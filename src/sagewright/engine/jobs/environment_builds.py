"""Environments that queued jobs lack: built in separate processes beside the queue, so that waiting jobs hold no CPUs."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sagewright.model import process_memory
from sagewright.model.clock import now_ms
from sagewright.runtimes.building import PROGRESS
from sagewright.runtimes.environments import Environments
from sagewright.runtimes.images import Image
from sagewright.runtimes.launch import has_environment
from sagewright.runtimes.pipconfig import PipSources

MOST_BUILDS = 4
"""Maximum number of concurrent builds; other environments wait."""
MOST_REASON = 2000
MOST_KNOWN = 1000
"""Maximum number of remembered images and failures; clients choose their names, so the number is bounded."""
log = logging.getLogger("sagewright.engine.jobs.environment_builds")


class BuildFailed(RuntimeError):
    """An environment cannot be built; the message gives the reason for the user."""


@dataclass(frozen=True)
class _Failure:
    at_ms: int
    reason: str


class EnvironmentBuilds:
    """The environments in `directory`, by the policy framework_versions. `done()` is called after each build, and every two seconds
    during one.

    Builds are idempotent: builders of the same environment take turns, in any process, and a complete one is not built again.
    Jobs start when everything is installed, and the builder goes on to make bytecode. Agents build an environment that has
    vanished since.
    """

    def __init__(self, directory: Path, policy: str, done: Callable[[], None]) -> None:
        self._environments = Environments(directory, policy, PipSources())
        self._done = done
        self._lock = threading.Lock()
        self._ready: set[str] = set()
        self._running: set[str] = set()
        self._failures: dict[str, _Failure] = {}
        self._progress: dict[str, str] = {}

    def missing(self, image: Image, since_ms: int) -> str:
        """Returns the name of the environment that a job waits for, or "" if it exists. A missing one is being built, or will be.

        Raises BuildFailed if the build failed; a job that arrived after the failure (`since_ms`) triggers another try.
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
            self._try_to_start(key, image)
            return key

    def progress(self, key: str) -> str:
        """Returns what the build of an environment is doing, "" if that is not known."""
        with self._lock:
            return self._progress.get(key, "")

    def _stands(self, image: Image) -> bool:
        """True if the environment exists. An unreadable one counts as existing: the job's agent reports it. One without bytecode,
        whose builder was killed, gets it in the background."""
        try:
            found = self._environments.ready(image)
        except (OSError, ValueError, LookupError) as error:
            log.warning("the environment of %s can't be read: %s", image.uri, error)
            return True
        if found is None:
            return False
        if len(self._ready) >= MOST_KNOWN:
            self._ready.clear()
        self._ready.add(image.uri)
        if not self._environments.is_compiled(found):
            self._try_to_start(found.path.name, image)
        return True

    def _try_to_start(self, key: str, image: Image) -> None:
        """Starts a builder, unless one runs for this environment or too many run; called under the lock."""
        if key in self._running or len(self._running) >= MOST_BUILDS:
            return
        try:
            self._start(key, image)
        except OSError as error:  # no process can be started now
            log.warning("the builder of the environment %s can't be started: %s", key, error)

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
        log.info("the environment %s is being built", key)
        threading.Thread(target=self._await, args=(key, process), name=f"build {key}", daemon=True).start()

    def _await(self, key: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        said = ""
        with io.TextIOWrapper(process.stdout, "utf-8", "replace") as lines:
            for line in lines:
                if line.startswith(PROGRESS):
                    with self._lock:
                        self._progress[key] = line.removeprefix(PROGRESS).strip()[:MOST_REASON]
                    self._done()
                else:
                    said = (said + line)[-MOST_REASON:]
        said, status = said.strip(), process.wait()
        process.stdin.close()
        with self._lock:
            self._running.discard(key)
            self._progress.pop(key, None)
            if status:
                reason = said[-MOST_REASON:] or f"its builder ended with the status {status}"
                log.warning("cannot build the environment %s: %s", key, reason)
                while len(self._failures) >= MOST_KNOWN:
                    del self._failures[next(iter(self._failures))]
                self._failures[key] = _Failure(now_ms(), reason)
        self._done()
