"""Scripts of several models in one process, each with separate modules: two can both have an inference.py."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sagewright.serving.messages import Application, Request, Response
from sagewright.toolkit.serving.application import ScriptApplication
from sagewright.toolkit.serving.script import program_of, script_in


class IsolatedModel(Application):
    """The model in `directory`, with the script in its archive, else with the common one in `code`.

    A stream's parts are produced while its modules are swapped out, which already imported modules do not notice.
    """

    def __init__(self, directory: Path, code: Path, framework: str) -> None:
        self._code = next((place for place in (directory / "code", code) if _has_script(place)), directory / "code")
        self._application = ScriptApplication(directory, self._code, framework)
        self._modules: dict[str, ModuleType] = {}

    def load(self) -> None:
        with self._here():
            self._application.load()

    def invoke(self, request: Request) -> Response:
        with self._here():
            return self._application.invoke(request)

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        path, place = list(sys.path), Path.cwd()
        sys.modules.update(self._modules)
        sys.path[:0] = [str(self._code), str(self._code / "lib")]
        if self._code.is_dir():
            os.chdir(self._code)
        try:
            yield
        finally:
            self._modules = {name: module for name, module in list(sys.modules.items()) if self._owns(module)}
            for name in self._modules:
                del sys.modules[name]
            sys.path[:] = path
            os.chdir(place)

    def _owns(self, module: ModuleType | None) -> bool:
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and self._code in Path(file).parents


def _has_script(place: Path) -> bool:
    return script_in(place, program_of(os.environ)).is_file()
