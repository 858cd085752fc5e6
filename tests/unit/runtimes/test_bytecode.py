"""Bytecode that environments share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewright.runtimes.bytecode import compile_packages


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Directories of packages in two environments, of which the first is compiled; `a` and `deep.b` are the same files in both."""
    one, two = (tmp_path / "tests" / name / "lib" / "python3" / "site-packages" for name in ("one", "two"))
    for place in (one, two):
        (place / "deep").mkdir(parents=True)
        (place.parents[2] / "bin").mkdir()
        (place.parents[2] / "bin" / "python").symlink_to(sys.executable)
    for name in ("a.py", "deep/b.py", "deep/changed.py"):
        (one / name).write_text("value = 1\n")
        os.link(one / name, two / name)
    (two / "deep" / "changed.py").unlink()
    (two / "deep" / "changed.py").write_text("value = 22\n")
    (two / "no module.py").write_text("{{ template }}: (\n")
    compile_packages(one, [])
    return one, two


def compiled(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"


def test_bytecode_of_the_same_files_is_the_same_file(places: tuple[Path, Path]) -> None:
    one, two = places
    compile_packages(two, [one, two, one.parent / "gone"])
    for name, same in (("a.py", True), ("deep/b.py", True), ("deep/changed.py", False)):
        assert compiled(two / name).samefile(compiled(one / name)) is same, name
    assert not compiled(two / "no module.py").exists()


def test_every_module_is_what_its_source_says(places: tuple[Path, Path]) -> None:
    one, two = places
    compile_packages(two, [one])
    script = "import a, deep.b, deep.changed as c; print(a.value, deep.b.value, c.value, a.__file__)"
    done = subprocess.run([sys.executable, "-c", script], cwd=two, check=True, capture_output=True, text=True)
    assert done.stdout.split()[:3] == ["1", "1", "22"]
    assert done.stdout.split()[3] == str(two / "a.py")


def test_what_another_environment_has_not_compiled_is_compiled(places: tuple[Path, Path]) -> None:
    one, two = places
    compiled(one / "a.py").unlink()
    compile_packages(two, [one])
    assert compiled(two / "a.py").exists()
    assert not compiled(one / "a.py").exists()


def test_tests_of_packages_are_left_to_whoever_imports_them(places: tuple[Path, Path]) -> None:
    one, _ = places
    for name in ("deep/tests/test_b.py", "pip/main.py"):
        (one / name).parent.mkdir(parents=True)
        (one / name).write_text("value = 3\n")
    compile_packages(one, [])
    assert not compiled(one / "deep" / "tests" / "test_b.py").exists()
    assert not compiled(one / "pip" / "main.py").exists()
