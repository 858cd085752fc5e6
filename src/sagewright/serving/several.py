"""Several models in one server: AWS's contract of multi-model endpoints.

Source: AWS's developer guide, "Build Your Own Container for SageMaker Multi-Model Endpoints".
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sagewright.serving.messages import Application, Request, Response
from sagewright.serving.work import failure

INSUFFICIENT_STORAGE = 507
"""AWS's status for a model that does not fit into memory: others are then unloaded."""


@dataclass(frozen=True)
class LoadedModel:
    name: str
    url: str

    def document(self) -> dict[str, str]:
        return {"modelName": self.name, "modelUrl": self.url}


class LoadedModels:
    """The loaded models, known to all workers: one file each in a shared directory."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="models-"))

    def add(self, model: LoadedModel) -> bool:
        """Returns False if the name exists."""
        try:
            with self._file(model.name).open("x") as file:
                json.dump(model.document(), file)
        except FileExistsError:
            return False
        return True

    def get(self, name: str) -> LoadedModel | None:
        return self._read(self._file(name))

    def all(self) -> list[LoadedModel]:
        read = (self._read(path) for path in self._directory.iterdir())
        return sorted((each for each in read if each is not None), key=lambda each: each.name)

    def remove(self, name: str) -> bool:
        try:
            self._file(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _file(self, name: str) -> Path:
        return self._directory / hashlib.sha256(name.encode()).hexdigest()

    def _read(self, path: Path) -> LoadedModel | None:
        try:
            document = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):  # it was removed, or another worker is writing it
            return None
        return LoadedModel(document["modelName"], document["modelUrl"])


class Several(Application):
    """`make` returns the application of the model in a directory. Each worker loads models on request."""

    manages = True

    def __init__(self, make: Callable[[Path], Application]) -> None:
        self._make = make
        self._registry = LoadedModels()
        self._loaded: dict[LoadedModel, Application] = {}

    def load(self) -> None:
        """Loads nothing: models come later."""

    def invoke(self, request: Request) -> Response:
        self._forget()
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        route = _ROUTES.get((request.method, len(parts)))
        if parts[0] != "models" or route is None or (len(parts) == 3 and parts[2] != "invoke"):
            return Response(b"Not Found", status=404)
        answer: Response = route(self, request, *parts[1:2])
        return answer

    def _forget(self) -> None:
        """Unloads models that another worker was asked to unload."""
        for known in [known for known in self._loaded if self._registry.get(known.name) != known]:
            del self._loaded[known]

    def _list(self, _request: Request) -> Response:
        return _json({"models": [each.document() for each in self._registry.all()]})

    def _add(self, request: Request) -> Response:
        try:
            document = json.loads(request.body)
            known = LoadedModel(str(document["model_name"]), str(document["url"]))
        except (ValueError, TypeError, KeyError):
            return failure("model_name and url are required.", 400, "BadRequestException")
        if self._registry.get(known.name) is not None:
            return failure(f"Model {known.name} is already registered.", 409, "ConflictStatusException")
        if not Path(known.url).is_dir():
            return failure(f"Model not found at: {known.url}", 404, "ModelNotFoundException")
        return self._load(known) or (
            _json({"status": f"Model {known.name} is loaded."})
            if self._registry.add(known)
            else failure(f"Model {known.name} is already registered.", 409, "ConflictStatusException")
        )

    def _load(self, known: LoadedModel) -> Response | None:
        """Returns the error response if the model can't be loaded."""
        try:
            application = self._make(Path(known.url))
            application.load()
        except MemoryError:
            traceback.print_exc()
            return failure(
                f"There is not enough memory for model {known.name}.", INSUFFICIENT_STORAGE, "InsufficientStorage"
            )
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return failure(f"Model {known.name} cannot be loaded: {type(error).__name__}: {error}")
        self._loaded[known] = application
        return None

    def _show(self, _request: Request, name: str) -> Response:
        known = self._registry.get(name)
        return _missing(name) if known is None else _json(known.document())

    def _remove(self, _request: Request, name: str) -> Response:
        if not self._registry.remove(name):
            return _missing(name)
        self._forget()
        return _json({"status": f"Model {name} is unloaded."})

    def _ask(self, request: Request, name: str) -> Response:
        known = self._registry.get(name)
        if known is None:
            return _missing(name)
        if known not in self._loaded and (refused := self._load(known)) is not None:
            return refused
        return self._loaded[known].invoke(request)


_ROUTES: dict[tuple[str, int], Callable[..., Response]] = {
    ("GET", 1): Several._list,
    ("POST", 1): Several._add,
    ("GET", 2): Several._show,
    ("DELETE", 2): Several._remove,
    ("POST", 3): Several._ask,
}


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document).encode(), "application/json")


def _missing(name: str) -> Response:
    return failure(f"Model {name} is not loaded.", 404, "ModelNotFoundException")


def is_asked_for(environment: Mapping[str, str] = os.environ) -> bool:
    """Returns True if the container serves several models."""
    return environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
