"""The methods that dataclasses generate, compiled once for all starts of a program.

`dataclasses` writes the source of six methods for each class, and compiles them when the class is defined. Python keeps no bytecode
of that: the 2,700 methods of a server take a third of its start. While `KeptCode` is active, code that an earlier process compiled
from the same source is read from a file beside Python's own bytecode, and executed as `dataclasses` would.
"""

from __future__ import annotations

import builtins
import dataclasses
import marshal
from types import CodeType
from typing import Any, Self

from sagewright.model.kept.files import KeptFile, digest


class KeptCode:
    """The generated code of one program: `begin` before its modules are imported, `end` after the last of them.

    `misses` counts the sources that had to be compiled.
    """

    def __init__(self, program: str) -> None:
        self.file = KeptFile(f"generated-{program}.marshal")
        self.misses = 0
        self._kept: dict[bytes, CodeType] = {}
        self._used: dict[bytes, CodeType] = {}

    def begin(self) -> Self:
        """Reads the file, if there is one that is whole and of this version of Python: marshal may crash on damaged content."""
        content = self.file.read()
        self._kept = {} if content is None else marshal.loads(content)  # noqa: S302 - as bytecode beside it would be
        vars(dataclasses)["exec"] = self._execute  # found before the built-in function
        return self

    def end(self) -> None:
        """Leaves `dataclasses` as it was; writes the file if code was missing in it. A file that can't be written is left out."""
        vars(dataclasses).pop("exec", None)
        if self.misses:
            self.file.write(marshal.dumps(self._used))
        self._kept, self._used = {}, {}

    def _execute(self, source: str, names: dict[str, Any], into: dict[str, Any]) -> None:
        key = digest(source.encode())
        code = self._used.get(key) or self._kept.get(key)
        if code is None:
            self.misses += 1
            code = compile(source, "<string>", "exec", dont_inherit=True)
        self._used[key] = code
        builtins.exec(code, names, into)  # noqa: S102 - what dataclasses would do
