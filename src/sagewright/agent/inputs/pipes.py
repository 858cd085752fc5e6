"""Pipe mode: one FIFO per epoch, `input/data/CHANNEL_0`, `CHANNEL_1` …, filled while it is read.

The FIFO of the next epoch exists before the current one ends; one that was read, or closed early by its reader, is removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from sagewright.agent.control import Control
from sagewright.agent.errors import ClientError, JobError, JobGone, JobStopped
from sagewright.agent.inputs.pipe_contents import PipeContent
from sagewright.agent.inputs.pipe_writers import PipeWriter
from sagewright.agent.s3 import S3Failed

CAPACITY = 1 << 20
"""Pipe capacity in bytes: the kernel's limit for unprivileged users."""
_TRY_AGAIN_S = 0.05


class Pipe:
    """One channel. `control` is notified if the data cannot be read: a reader must never mistake that for the end of an epoch."""

    def __init__(self, directory: Path, name: str, content: PipeContent, writer: PipeWriter, control: Control) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        # Uses descriptors and follows no links: the job may rename or replace everything it sees.
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._name, self._content, self._writer, self._control = name, content, writer, control
        self._epoch = 0
        self._ended = False
        self._held: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"pipe {name}", daemon=True)
        self._make(0)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; no reader may be left."""
        self._ended = True
        while self._thread.is_alive():
            with suppress(OSError):  # opening a reader releases a writer that waits for one
                os.close(self._open(os.O_RDONLY | os.O_NONBLOCK))
            self._thread.join(_TRY_AGAIN_S)
        if self._held is not None:
            os.close(self._held)
        os.close(self._directory)

    def _run(self) -> None:
        try:
            while not self._ended:
                self._next_epoch()
        except (JobGone, JobStopped):
            pass
        except JobError as error:
            self._control.fail(error)
        except S3Failed as error:
            self._control.fail(ClientError(f"Data download failed:{error}"))
        except BaseException as error:
            traceback.print_exc()
            self._control.fail(JobError(f"the pipe of channel {self._name} broke: {type(error).__name__}: {error}"))

    def _next_epoch(self) -> None:
        pipe = self._open(os.O_WRONLY)  # waits for a reader
        self._held = pipe  # stays open if filling it fails
        if self._ended:
            return
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, CAPACITY)
        self._make(self._epoch + 1)
        with suppress(BrokenPipeError):  # the reader has closed this epoch early
            for piece in self._content.pieces(self._epoch):
                self._writer.send(piece, pipe)
        with suppress(FileNotFoundError):
            os.unlink(self._path(self._epoch), dir_fd=self._directory)
        self._epoch += 1
        self._held = None
        os.close(pipe)

    def _path(self, epoch: int) -> str:
        return f"{self._name}_{epoch}"

    def _make(self, epoch: int) -> None:
        with suppress(FileExistsError):
            os.mkfifo(self._path(epoch), 0o666, dir_fd=self._directory)

    def _open(self, flags: int) -> int:
        opened = os.open(self._path(self._epoch), flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._directory)
        if not stat.S_ISFIFO(os.fstat(opened).st_mode):
            os.close(opened)
            raise OSError(errno.EINVAL, "the job has replaced the pipe", self._path(self._epoch))
        return opened
