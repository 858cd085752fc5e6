"""Content of `pip install sagewright`: jobs have the same library as from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sagewright.agent.library import staged_library

ROOT = Path(__file__).parents[3]
STAGE = """
import sys
from pathlib import Path
import sagewright
from sagewright.agent.library import staged_library
print(staged_library(Path(sagewright.__file__).parent, Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source distribution and its wheel."""
    place = tmp_path_factory.mktemp("made")
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([sys.executable, ROOT / "tools" / "docs.py"], check=True, timeout=120)
    subprocess.run([uv, "build", "--quiet", "--out-dir", place, ROOT], check=True, timeout=240)
    return place


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the source distribution, unpacked."""
    place = tmp_path_factory.mktemp("wheel")
    (wheel,) = made.glob("sagewright-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "installed")
    return place / "installed"


def _files(library: Path) -> dict[str, bytes]:
    return {path.relative_to(library).as_posix(): path.read_bytes() for path in library.rglob("*.py")}


def test_jobs_of_an_installed_server_have_the_library_of_a_checkout(installed: Path, tmp_path: Path) -> None:
    staged = subprocess.run(
        [sys.executable, "-c", STAGE, str(tmp_path / "one")],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert _files(Path(staged.stdout.strip())) == _files(
        staged_library(ROOT / "src" / "sagewright", tmp_path / "other")
    )


def test_the_sources_are_all_that_git_has(made: Path) -> None:
    """Nothing is walked that pyproject.toml does not name, so that it must name each new folder."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (archive,) = made.glob("sagewright-*.tar.gz")
    with tarfile.open(archive) as sources:
        packed = {name.partition("/")[2] for name in sources.getnames()}
    wanted = {name for name in listed.split("\0") if name and not name.startswith((".ci/", "docs/images/"))}
    assert wanted - packed == set()


def test_aws_names_are_for_jobs_alone(installed: Path) -> None:
    """Another package of that name may be in the environment in which the server is installed."""
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"sagewright"}


def test_the_examples_are_carried(installed: Path) -> None:
    code = (
        "from sagewright.cli.examples import catalogue as c\n"
        "from sagewright.cli.solutions import templates as t\n"
        "print(c.programs(), len(c.requirements('v3')), c.find('10', 'v3').code)\n"
        "print([len(each.files) > 3 for each in t.solutions()], (c.programs() / 'solutions' / 'steps.py').is_file())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{installed}/sagewright/examples/programs 4 ")
    assert "Topics of documents" in done.stdout
    assert done.stdout.endswith(f"{[True] * 6} True\n")


def test_the_site_of_the_docs_is_carried(installed: Path) -> None:
    """Git ignores the built site, and so would the wheel, but for its entry among the artifacts."""
    code = (
        "from sagewright.docsite.manifest import BUILT, read_site\n"
        "files = read_site(BUILT).files\n"
        "print(BUILT, 'how-to/tune-models/' in files, all(one.path.is_file() for one in files.values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{installed}/sagewright/docsite/built True True\n"
