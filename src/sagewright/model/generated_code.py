"""The methods that dataclasses generate, compiled once for all starts of a program.

`dataclasses` writes the source of six methods for each class, and compiles them when the class is defined. Python keeps no bytecode
of that: the 2,700 methods of a server take a third of its start. While `KeptCode` is active, code that an earlier process compiled
from the same source is read from a file beside Python's own bytecode, and executed as `dataclasses` would.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import hashlib
import marshal
import os
import sys
import tempfile
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any, Self

import sagewright

_DIGEST = 16


class KeptCode:
    """The generated code of one program: `begin` before its modules are imported, `end` after the last of them.

    `misses` counts the sources that had to be compiled.
    """

    def __init__(self, program: str) -> None:
        bytecode = Path(cache_from_source(sagewright.__file__))
        version = bytecode.stem.removeprefix("__init__")
        self.path = bytecode.with_name(f"generated-{program}{version}.marshal")
        self.misses = 0
        self._kept: dict[bytes, CodeType] = {}
        self._used: dict[bytes, CodeType] = {}

    def begin(self) -> Self:
        """Reads the file, if there is one that is whole and of this version of Python."""
        self._kept = _read(self.path)
        vars(dataclasses)["exec"] = self._execute  # found before the built-in function
        return self

    def end(self) -> None:
        """Leaves `dataclasses` as it was; writes the file if code was missing in it. A file that can't be written is left out."""
        vars(dataclasses).pop("exec", None)
        if self.misses and not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                _write(self.path, self._used)
        self._kept, self._used = {}, {}

    def _execute(self, source: str, names: dict[str, Any], into: dict[str, Any]) -> None:
        key = hashlib.blake2b(source.encode(), digest_size=_DIGEST).digest()
        code = self._used.get(key) or self._kept.get(key)
        if code is None:
            self.misses += 1
            code = compile(source, "<string>", "exec", dont_inherit=True)
        self._used[key] = code
        builtins.exec(code, names, into)  # noqa: S102 - what dataclasses would do


def _read(path: Path) -> dict[bytes, CodeType]:
    try:
        content = path.read_bytes()
    except OSError:
        return {}
    begin = len(MAGIC_NUMBER) + _DIGEST
    if content[:begin] != MAGIC_NUMBER + _sum(content[begin:]):  # marshal may crash on damaged content
        return {}
    found: dict[bytes, CodeType] = marshal.loads(content[begin:])  # noqa: S302 - as bytecode beside it would be
    return found


def _write(path: Path, code: dict[bytes, CodeType]) -> None:
    content = marshal.dumps(code)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        made = Path(file.name)
        try:
            os.fchmod(file.fileno(), 0o644)  # as bytecode is
            file.write(MAGIC_NUMBER + _sum(content) + content)
            file.close()
            made.replace(path)
        except OSError:
            made.unlink()
            raise


def _sum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
