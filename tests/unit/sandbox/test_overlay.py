"""The private environment of a process without an overlay."""

from __future__ import annotations

from pathlib import Path

from sagewright.sandbox.overlay import Places, make_private_environment


def test_scripts_are_copied_and_directories_beside_them_linked(tmp_path: Path) -> None:
    """pip compiles modules in bin, such as jp.py, into a directory there."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    (shared / "lib/python3.11/site-packages").mkdir(parents=True)
    (shared / "bin/__pycache__").mkdir(parents=True)
    (shared / "pyvenv.cfg").touch()
    (shared / "bin/tool").write_text(f"#!{shared}/bin/python\n")
    make_private_environment(Places(shared, own, shared, own))
    assert (own / "bin/tool").read_text() == f"#!{own}/bin/python\n"
    assert (own / "bin/__pycache__").readlink() == shared / "bin/__pycache__"
