"""The models of a multi-model container: loaded on request, and evicted for others when there is no room.

The front sends requests to a socket in HOST_DIRECTORY, out of reach of jobs. Source: AWS's developer guide, "Multi-model
endpoints", and its contract for containers that host several models.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sagewright.agent.errors import JobError
from sagewright.agent.inputs.model_data import Archives
from sagewright.jobfiles.directory import JobDirectory
from sagewright.model.jobs.serving_sockets import SHELF
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

MOST_MODELS = 64
"""Maximum models on the disk of one container."""
LOAD_S = 600.0
MOST_QUESTION = 64 * 1024
MOST_TOLD = 4096
"""Maximum bytes of a container's message that are passed on."""
QUESTION_S = 10.0
MOST_QUESTIONS = 128
"""Maximum concurrent requests, with a thread each; the front requests each model only once."""
INSUFFICIENT_STORAGE = 507
ML_PLACE = "models"


class ModelRefused(Exception):
    """A model cannot be loaded; the text gives the reason, `status` the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ModelCache:
    """The models of one host. `prefix`: the prefix of the models in S3; `root`: path of `ml` inside the container."""

    def __init__(self, prefix: str, directory: Path, archives: Archives, log: Callable[[str], None]) -> None:
        self._prefix = prefix.rstrip("/") + "/"
        self._directory, self._archives, self._log = directory, archives, log
        self._upstream = BlockingUpstream(ContainerAddress(directory))
        self._room = threading.BoundedSemaphore(MOST_QUESTIONS)
        self._root = self._environment = Path()
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    def open(self, root: Path, environment: Path) -> None:
        """Starts listening."""
        self._root, self._environment = root, environment
        path = self._directory / SHELF
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._listener.bind(f"/proc/self/fd/{descriptor}/{SHELF}")
        finally:
            os.close(descriptor)
        path.chmod(0o600)
        self._listener.listen(64)
        threading.Thread(target=self._serve, name="shelf", daemon=True).start()

    def close(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _serve(self) -> None:
        assert self._listener is not None
        while True:
            try:
                asking, _address = self._listener.accept()
            except OSError:
                return
            self._room.acquire()
            threading.Thread(target=self._answer, args=(asking,), name="shelf-answer", daemon=True).start()

    def _answer(self, asking: socket.socket) -> None:
        with self._leaving(), asking, suppress(OSError, ValueError):
            asking.settimeout(QUESTION_S)
            question = json.loads(asking.makefile("rb").readline(MOST_QUESTION))
            try:
                answer: dict[str, Any] = {"name": self.bring(str(question["model"]))}
            except ModelRefused as refused:
                answer = {"status": refused.status, "message": str(refused)}
            except JobError as error:
                answer = {"status": 400, "message": str(error)}
            except Exception as error:
                answer = {"status": 500, "message": f"{type(error).__name__}: {error}"}
            asking.sendall(json.dumps(answer).encode() + b"\n")

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._room.release()

    def bring(self, model: str) -> str:
        """Loads a model and returns its name in the container. Raises ModelRefused, JobError."""
        name = hashlib.sha256(model.encode()).hexdigest()[:32]
        with self._lock:  # one at a time: the container loads into memory shared by all models
            if name not in self._known:
                self._make_room(MOST_MODELS - 1)
                self._log(f"Loading the model {model}.")
                self._archives.place(self._prefix + model, f"{ML_PLACE}/{name}", self._environment)
            self._known[name] = model
            self._known.move_to_end(name)
            while True:
                status, text = self._requested(
                    "POST", "/models", {"model_name": name, "url": str(self._root / ML_PLACE / name)}
                )
                if status in {200, 409}:
                    return name
                others = len(self._known) > 1
                if status != INSUFFICIENT_STORAGE or not others:
                    self._give_up(name)
                    raise ModelRefused(status, text)
                self._make_room(len(self._known) - 1, spared=name)

    def _make_room(self, most: int, spared: str = "") -> None:
        """Evicts the least recently requested models."""
        for name in [one for one in self._known if one != spared]:
            if len(self._known) <= most:
                return
            self._give_up(name)

    def _give_up(self, name: str) -> None:
        model = self._known.pop(name, "")
        self._log(f"Unloading the model {model}.")
        with suppress(ModelRefused):
            self._requested("DELETE", f"/models/{name}", None)
        try:
            with JobDirectory.at(self._directory / "ml") as ml:
                ml.remove(f"{ML_PLACE}/{name}")
        except OSError as error:  # the container has put another file in the way
            self._log(f"The files of the model {model} can't be removed: {error}")

    def _requested(self, method: str, path: str, document: dict[str, str] | None) -> tuple[int, str]:
        body = b"" if document is None else json.dumps(document).encode()
        request = UpstreamRequest(method, path, {"Content-Type": "application/json"}, body)
        try:
            answer = self._upstream.glance(request, LOAD_S, MOST_TOLD)
        except (ContainerUnreachable, Broken) as error:
            raise ModelRefused(503, f"The container does not answer: {error}") from error
        except TimeoutError:
            raise ModelRefused(503, f"The container did not answer {method} {path} within {LOAD_S:g} s.") from None
        return answer.status, answer.body.decode(errors="replace")
