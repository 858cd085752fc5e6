"""Archives that a job finds unpacked and read-only: fetched from S3 here, unpacked in a separate sandbox."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import sagewright
from sagewright.agent.causes import cause
from sagewright.agent.control import Control
from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.directories import copy_file
from sagewright.agent.inputs.sources import find_objects
from sagewright.agent.library import staged_library
from sagewright.agent.process.process import ProcessLimits, run_process, start_process
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.removal import remove_tree
from sagewright.model.jobs.brief import DataSet, EndCause, InputBrief
from sagewright.sandbox.base import Command, Launch, Sandbox, View
from sagewright.sandbox.choose import choose_sandbox
from sagewright.sandbox.ownership import give_to_server

_ARCHIVE, _CONTENT = "archive", "content"
_TAIL = 20
_BESIDE_S = 600.0


class UnpackingSandbox(NamedTuple):
    """The sandbox that unpacks: the prefix of its command, and its limits."""

    wrapper: Callable[[], list[str]]
    limits: ProcessLimits


class Tail:
    """The last lines of an output."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_TAIL)

    def ready(self) -> bool:
        return True

    def lines(self, texts: list[str]) -> None:
        self._lines.extend(text[:500] for text in texts)

    def text(self) -> str:
        return "\n".join(self._lines)


Run = Callable[[Command, Tail], int]
"""Runs a command and returns its exit status."""


class Archives:
    """Fetches and unpacks archives for one host."""

    def __init__(self, host: HostFile, control: Control, held: UnpackingSandbox) -> None:
        self._host, self._control, self._held = host, control, held
        self._s3 = JobS3(host, control.check)
        self._numbers = itertools.count()

    def place(self, uri: str, path: str, environment: Path) -> None:
        """Unpacks an archive at `path` below the `ml` of a running job, readable for everyone. Call it from a
        long-lived thread. Raises ClientError, OSError."""
        one = InputBrief(title="Model data", place="", data=DataSet(uri), unpacked=True)
        scratch = self._host.directory / "unpacked" / f"later-{next(self._numbers)}"
        try:
            content = self.content(one, scratch, environment, self._run_beside)
            _let_read(content)
            with JobDirectory.at(self._host.directory / "ml") as ml:
                ml.adopt(path, content)
        finally:
            remove_tree(scratch)

    def content(self, one: InputBrief, scratch: Path, environment: Path, run: Run | None = None) -> Path:
        """Returns the directory with the content of an archive. Raises ClientError, JobStopped, JobGone."""
        (scratch / "ml" / _CONTENT).mkdir(parents=True, exist_ok=True)
        self._bring(one, scratch / "ml" / _ARCHIVE)
        self._unpack(one, scratch, environment, run or self._run_alone)
        (scratch / "ml" / _ARCHIVE).unlink()
        return scratch / "ml" / _CONTENT

    def _bring(self, one: InputBrief, archive: Path) -> None:
        assert one.data is not None
        try:
            (stored,) = find_objects(self._host, self._s3, self._control.check, [parse_uri(one.data.uri)])
            if stored.file is not None:
                copy_file(
                    Path(stored.file), archive, self._control.check, Disk(archive.parent, self._host.disk_stop_mb)
                )
            else:
                self._s3.download(stored.bucket, stored.key, archive)
        except (S3Failed, ValueError, OSError) as error:
            raise ClientError(f"Data download failed:{one.title}: {cause(error)}") from error

    def _unpack(self, one: InputBrief, scratch: Path, environment: Path, run: Run) -> None:
        """Unpacks an archive. Raises ClientError if it is invalid, or too large."""
        room = max(0, Disk(scratch, self._host.disk_stop_mb).free())
        unpacking, _reason = choose_sandbox(self._host.sandbox, scratch)
        root = unpacking.ml_root(scratch)
        launch = Launch(
            argv=[
                *("python", "-m", "sagewright.toolkit.unpacking"),
                *(str(root / _ARCHIVE), str(root / _CONTENT), str(room)),
            ],
            directory=scratch,
            environ={"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
            host=self._host.host,
            addresses={},
            library=staged_library(Path(sagewright.__file__).parent, self._host.environments),
            environment=environment,
            network=False,
        )
        said = Tail()
        try:
            code = run(unpacking.command(launch), said)
        finally:
            unpacking.close(scratch)
        if code:
            raise ClientError(f"Data download failed:{one.title}: {said.text() or f'exit code {code}'}")

    def _run_alone(self, command: Command, said: Tail) -> int:
        """Runs the command before the job's process, from the main thread."""
        held = replace(command, wrapper=[*self._held.wrapper(), *command.wrapper])
        ended = run_process(held, self._control, self._held.limits, said)
        if ended.cause != EndCause.EXIT:
            self._control.check()
        return ended.code

    def _run_beside(self, command: Command, said: Tail) -> int:
        """Runs the command alongside the job's process without affecting it."""
        process = start_process(command).process
        try:
            output, _ = process.communicate(timeout=_BESIDE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            said.lines([f"It could not be unpacked within {_BESIDE_S:g} s."])
            return 1
        said.lines(output.decode(errors="replace").splitlines())
        return process.returncode


class ModelData:
    """The archives that a job's process finds unpacked at its start."""

    def __init__(self, host: HostFile, archives: Archives) -> None:
        self._host, self._archives = host, archives

    def prepare(self, sandbox: Sandbox, ml: Path, environment: Path) -> list[View]:
        """Fetches every such input; returns their views for the job's sandbox. Raises ClientError, JobStopped, JobGone."""
        return [
            view
            for number, one in enumerate(self._host.brief.inputs)
            if one.unpacked
            for view in self._prepared(one, number, sandbox, ml, environment)
        ]

    def _prepared(self, one: InputBrief, number: int, sandbox: Sandbox, ml: Path, environment: Path) -> list[View]:
        scratch = self._host.directory / "unpacked" / str(number)
        content = self._archives.content(one, scratch, environment)
        if sandbox.declare()["shared_views"].given:
            give_to_server(content)
            return [View(content, one.place, "read")]
        place = ml / one.place
        if place.is_dir():
            place.rmdir()
        content.rename(place)
        remove_tree(scratch)
        return []


def _let_read(top: Path) -> None:
    """Makes everything readable for the container, regardless of the owner and mode from unpacking."""
    with JobDirectory.at(top) as directory:
        for entry in directory.walk(lambda: None):
            if not stat.S_ISLNK(entry.status.st_mode):
                more = 0o755 if stat.S_ISDIR(entry.status.st_mode) else 0o644
                os.chmod(entry.name, stat.S_IMODE(entry.status.st_mode) | more, dir_fd=entry.directory)
    top.chmod(0o755)
