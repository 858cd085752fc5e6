"""Dataclasses' generated methods are compiled once, and are those that dataclasses would make."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.model.kept.generated_code import KeptCode

DEFINITION = """
@dataclasses.dataclass(frozen=True, order=True)
class Point:
    x: int
    y: int = 2
    tags: tuple = dataclasses.field(default=(), compare=False)
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return "test"


def _defined() -> type:
    names = {"dataclasses": dataclasses, "__name__": __name__}
    exec(DEFINITION, names)
    found = names["Point"]
    assert isinstance(found, type)
    return found


def _run(program: str) -> tuple[KeptCode, type]:
    kept = KeptCode(program).begin()
    try:
        made = _defined()
    finally:
        kept.end()
    return kept, made


def test_what_one_process_compiled_another_reads(program: str) -> None:
    first, _ = _run(program)
    second, made = _run(program)
    assert first.misses > 0
    assert second.misses == 0
    one = made(1)
    assert repr(one) == "Point(x=1, y=2, tags=())"
    assert one == made(1, tags=("a",))
    assert hash(one) == hash(made(1, 2))
    assert sorted([made(2), one]) == [one, made(2)]
    assert dataclasses.replace(one, y=5) == made(1, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 3
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        made()


def test_dataclasses_is_left_as_it_was(program: str) -> None:
    before = dict(vars(dataclasses))
    _run(program)
    assert vars(dataclasses) == before


@pytest.mark.parametrize("damage", [lambda found: found[:-1], lambda found: b"\0\0\0\0" + found[4:], lambda _: b""])
def test_a_damaged_file_and_one_of_another_python_are_written_anew(program: str, damage: object) -> None:
    path = _run(program)[0].file.path
    whole = path.read_bytes()
    assert callable(damage)
    path.write_bytes(damage(whole))
    assert _run(program)[0].misses > 0
    assert path.read_bytes() == whole
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_can_not_be_written_is_left_out(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    path = _run(program)[0].file.path
    assert not list(path.parent.iterdir())


def test_nothing_is_written_where_python_writes_no_bytecode(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert not _run(program)[0].file.path.parent.exists()


def test_the_second_start_of_a_server_compiles_no_method(tmp_path: Path) -> None:
    program = (
        "from sagewright.model.kept.generated_code import KeptCode\n"
        "kept = KeptCode('server').begin()\n"
        "import sagewright.server.server\n"
        "from sagewright.services import registry\n"
        "registry.load()\n"
        "kept.end()\n"
        "print(kept.misses)"
    )
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert int(said[0]) > 300  # one a class, or six
    assert int(said[1]) == 0
