"""A script in a model's archive, and its server."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from modelserver import ModelServer

Start = Callable[..., ModelServer]


class Served:
    """`serve("the script")` starts it and waits for it."""

    def __init__(self, tmp_path: Path, start: Start) -> None:
        self.model = tmp_path / "ml" / "model"
        self.code = self.model / "code"
        self.code.mkdir(parents=True)
        self._start = start

    def start(self, script: str, framework: str = "sklearn", **environment: str) -> ModelServer:
        if script:
            (self.code / "inference.py").write_text(textwrap.dedent(script))
        environment = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", **environment}
        return self._start("sagewright.toolkit", "serve", framework, **environment)

    def __call__(self, script: str, framework: str = "sklearn", **environment: str) -> ModelServer:
        return self.start(script, framework, **environment).wait()


@pytest.fixture
def serve(tmp_path: Path, model_server: Start) -> Served:
    return Served(tmp_path, model_server)
