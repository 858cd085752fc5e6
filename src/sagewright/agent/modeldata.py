"""Archives that a job finds unpacked and can't change: brought from S3 here, opened in a sandbox of their own."""

from __future__ import annotations

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
from sagewright.agent.library import staged_library
from sagewright.agent.process import Limits, run_process
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.agent.sources import find_objects
from sagewright.agent.trees import copy_file
from sagewright.jobfiles.removal import remove_tree
from sagewright.model.brief import Cause, Input
from sagewright.sandbox.base import Launch, Sandbox, View
from sagewright.sandbox.choose import choose_sandbox
from sagewright.sandbox.ownership import give_to_server

_ARCHIVE, _CONTENT = "archive", "content"
_TAIL = 20


class Held(NamedTuple):
    """What holds the sandbox that unpacks: the beginning of its command, and its limits."""

    wrapper: Callable[[], list[str]]
    limits: Limits


class ModelData:
    """Of one host."""

    def __init__(self, host: HostFile, control: Control, held: Held) -> None:
        self._host, self._control, self._held = host, control, held
        self._s3 = JobS3(host, control.check)

    def prepare(self, sandbox: Sandbox, ml: Path, environment: Path) -> list[View]:
        """Bring every such input; what the job's sandbox shows of them. Raises ClientError, Stopped, Gone."""
        return [
            view
            for number, one in enumerate(self._host.brief.inputs)
            if one.unpacked
            for view in self._prepared(one, number, sandbox, ml, environment)
        ]

    def _prepared(self, one: Input, number: int, sandbox: Sandbox, ml: Path, environment: Path) -> list[View]:
        scratch = self._host.directory / "unpacked" / str(number)
        (scratch / "ml" / _CONTENT).mkdir(parents=True, exist_ok=True)
        self._bring(one, scratch / "ml" / _ARCHIVE)
        self._unpack(one, scratch, environment)
        (scratch / "ml" / _ARCHIVE).unlink()
        content = scratch / "ml" / _CONTENT
        if sandbox.declare()["shared_views"].given:
            give_to_server(content)
            return [View(content, one.place, "read")]
        place = ml / one.place
        if place.is_dir():
            place.rmdir()
        content.rename(place)
        remove_tree(scratch)
        return []

    def _bring(self, one: Input, archive: Path) -> None:
        assert one.data is not None
        try:
            (stored,) = find_objects(self._host, self._s3, self._control.check, [parse_uri(one.data.uri)])
            if stored.file is not None:
                copy_file(Path(stored.file), archive, self._control.check, Disk(archive.parent))
            else:
                self._s3.download(stored.bucket, stored.key, archive)
        except (S3Failed, ValueError, OSError) as error:
            raise ClientError(f"Data download failed:{one.title}: {cause(error)}") from error

    def _unpack(self, one: Input, scratch: Path, environment: Path) -> None:
        """Raises ClientError for what is no archive, or has too much in it."""
        room = max(0, Disk(scratch).free())
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
        said = _Tail()
        try:
            command = unpacking.command(launch)
            command = replace(command, wrapper=[*self._held.wrapper(), *command.wrapper])
            ended = run_process(command, self._control, self._held.limits, said)
        finally:
            unpacking.close(scratch)
        if ended.cause != Cause.EXIT:
            self._control.check()
        if ended.code:
            raise ClientError(f"Data download failed:{one.title}: {said.text() or f'exit code {ended.code}'}")


class _Tail:
    """The last lines of an output."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_TAIL)

    def ready(self) -> bool:
        return True

    def lines(self, texts: list[str]) -> None:
        self._lines.extend(text[:500] for text in texts)

    def text(self) -> str:
        return "\n".join(self._lines)
