"""A directory of the job that is uploaded to S3 while its process runs, and once more at its end."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from sagewright.agent.causes import cause
from sagewright.agent.errors import ClientError, JobError, JobGone, TooLate
from sagewright.agent.hostfile import HostFile
from sagewright.agent.openfiles import open_for_writing
from sagewright.agent.optml import OptMl
from sagewright.agent.outputs.archives import DeliveryContext
from sagewright.agent.outputs.skipped_files import LeftOut
from sagewright.agent.parallel import attended, for_each
from sagewright.agent.s3 import CONNECTIONS, JobS3, S3Failed, key_fault
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.removal import remove_tree
from sagewright.jobfiles.walking import WalkEntry

_EVERY_S = 2.0
_SHARE_OF_TIME = 5  # scanning many files takes long: the pause after a scan is this multiple of its duration
_MOST_FILES = 2_000_000


@dataclass(frozen=True)
class Synced:
    """A synchronised directory. `title`: its name in the log; `local`: path below /opt/ml; `prefix`: of its keys; `mirrored`: True
    if files that the job removes are removed from S3 too."""

    title: str
    local: str
    bucket: str
    prefix: str
    mirrored: bool = False


class _State(NamedTuple):
    """The attributes that distinguish one content of a file from the next."""

    device: int
    inode: int
    size: int
    modified_ns: int


class DirectorySync:
    """The synchronisation of one directory of a host.

    While the process runs, a file is uploaded once no process has it open for writing, from a copy that did not change while it was
    made: an object in S3 is never a torn file. Links and special files are not uploaded.
    """

    def __init__(self, host: HostFile, ml: OptMl, delivery: DeliveryContext, synced: Synced) -> None:
        self._ml, self._delivery, self._what = ml, delivery, synced
        self._s3 = JobS3(host, delivery.check)
        self._sent: dict[str, _State] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._copies = host.directory / "checkpoint-copies" / synced.local
        self._left_out = LeftOut(synced.title, delivery.log)

    def take_as_sent(self) -> None:
        """Marks the current files as already uploaded."""
        self._sent = self._states()

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Uploads the last changes; the process has ended. Raises ClientError, and the exceptions of `delivery.check`."""
        self._end.set()
        try:
            while self._thread.is_alive():
                self._thread.join(0.2)
                self._delivery.check()
            self._left_out.forget()
            attended(lambda: self._sync(running=False), self._delivery.check)
        except (S3Failed, OSError) as error:
            raise ClientError(f"Artifact upload failed:{cause(error)}") from error
        finally:
            self._left_out.tell()
            remove_tree(self._copies)

    def _run(self) -> None:
        wait, said = _EVERY_S, ""
        while not self._end.wait(wait):
            began = time.monotonic()
            try:
                self._left_out.forget()
                self._sync(running=True)
            except (JobGone, TooLate):
                return
            except (S3Failed, OSError, JobError) as error:  # retried in the next round; `finish` raises
                if str(error) != said:
                    said = str(error)
                    sys.stderr.write(f"{self._what.title}: {error}\n")
            wait = max(_EVERY_S, _SHARE_OF_TIME * (time.monotonic() - began))

    def _sync(self, *, running: bool) -> None:
        states = self._states()
        changed = [path for path, state in states.items() if self._sent.get(path) != state]
        if changed and running:
            busy = open_for_writing(psutil.Process().children(recursive=True))
            changed = [path for path in changed if (states[path].device, states[path].inode) not in busy]
        if not running:
            self._delivery.allow(sum(states[path].size for path in changed))
        with JobDirectory.at(self._ml.root) as ml, ml.make(self._what.local) as local:
            if running:
                for path in changed:
                    if self._end.is_set():
                        return
                    self._send_copy(local, path, states[path])
            else:
                for_each(changed, lambda path: self._send(local, path, states[path]), self._delivery.check, CONNECTIONS)
        gone = [path for path in self._sent if path not in states] if self._what.mirrored else []
        for path in gone:
            if running and self._end.is_set():
                return
            self._delivery.check()
            self._s3.delete(self._what.bucket, self._what.prefix + path)
            del self._sent[path]

    def _send(self, local: JobDirectory, path: str, state: _State) -> None:
        with local.open(path, self._delivery.check) as file:
            self._s3.upload(file, self._what.bucket, self._what.prefix + path)
        self._sent[path] = state

    def _send_copy(self, local: JobDirectory, path: str, state: _State) -> None:
        """Uploads a copy of the file in the state `state`, unless it has changed since."""
        self._copies.mkdir(parents=True, exist_ok=True)
        try:
            with JobDirectory.at(self._copies) as copies:
                with local.open(path, self._delivery.check) as file, copies.writing("next") as copy:
                    if _state(file.status) != state:
                        return
                    file.copy_to(copy, self._delivery.disk.spend)
                    if _state(os.fstat(file.fileno())) != state:
                        return
                with copies.open("next", self._delivery.check) as settled:
                    self._s3.upload(settled, self._what.bucket, self._what.prefix + path)
                self._sent[path] = state
        except FileNotFoundError:
            return
        finally:
            (self._copies / "next").unlink(missing_ok=True)

    def _states(self) -> dict[str, _State]:
        """Returns all files that can be uploaded, by path. Raises ClientError if they are more than a host could have."""
        directory = self._ml.directory(self._what.local)
        if directory is None:
            return {}
        states: dict[str, _State] = {}
        size = 0
        with directory:
            for entry in directory.walk(self._delivery.check):
                if entry.is_directory or not self._sendable(entry):
                    continue
                states[entry.path] = _state(entry.status)
                size += entry.status.st_size
                self._delivery.hold(size, f"/opt/ml/{self._what.local}")
                if len(states) > _MOST_FILES:
                    raise ClientError(
                        f"Artifact upload failed:more than {_MOST_FILES} files in /opt/ml/{self._what.local}"
                    )
        return states

    def _sendable(self, entry: WalkEntry) -> bool:
        fault = key_fault(self._what.prefix, entry) if entry.is_file else "only files are uploaded"
        if fault is not None:
            self._left_out.add(fault, entry)
        return fault is None


def _state(found: os.stat_result) -> _State:
    return _State(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
