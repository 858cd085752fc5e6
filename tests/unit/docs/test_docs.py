"""The documents say what is: generated pages are fresh, nothing is left out, links lead somewhere, snippets are Python."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from sagewright.algorithms.schema import catalogue
from sagewright.model.settings import PREFIX, Settings
from sagewright.services import registry

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", ROOT / "DESIGN.md", *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)([^)\s]*)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"\bexamples/[\w./-]+\.\w+")
OF_A_MACHINE = re.compile(
    r"(?<![\w.~/<>$-])/(?:home(?!/(?:sagemaker-user|ec2-user)\b)|root|Users|work|mnt|private|tmp/[\w-]+)(?:/|\b)"
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture(scope="module")
def reference() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))  # as for a program there
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "tools"))


def read(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def snippets(page: Path, language: str) -> Iterator[str]:
    for found in FENCE.finditer(page.read_text()):
        if found[1] == language:
            yield textwrap.dedent(found[2])


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """GitHub's anchors: lower case, punctuation dropped, blanks as dashes."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_reference_pages_are_fresh(reference: ModuleType) -> None:
    stale = [str(path.relative_to(ROOT)) for path in reference.stale()]
    assert stale == [], "run: python tools/reference.py"


def test_the_check_names_what_is_stale(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reference.main(["--check"]) == 0
    page = DOCS / "reference" / "cli.md"
    monkeypatch.setattr(reference, "pages", lambda: {page: "other\n"})
    assert reference.main(["--check"]) == 1
    assert "docs/reference/cli.md is stale" in capsys.readouterr().out
    assert reference.main(["--chek"]) == 2
    assert page.read_text() != "other\n"


def test_a_page_is_written_only_where_it_is_stale(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    fresh, new = tmp_path / "fresh.md", tmp_path / "deep" / "new.md"
    fresh.write_text("same\n")
    before = fresh.stat().st_mtime_ns
    monkeypatch.setattr(reference, "pages", lambda: {fresh: "same\n", new: "made\n"})
    assert reference.main([]) == 0
    assert new.read_text() == "made\n"
    assert fresh.stat().st_mtime_ns == before


def test_the_default_data_directory_is_the_same_page_on_every_machine(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data/")
    assert reference._shown(Path("/srv/data/sagewright")) == "`~/.local/share/sagewright`"


@pytest.mark.parametrize("name", [f.name for f in fields(Settings)])
def test_every_setting_has_its_entry(name: str) -> None:
    page = read("settings.md")
    assert f"\n## {name}\n" in page
    assert f"`{PREFIX}{name.upper()}`" in page


def test_every_command_and_option_has_its_entry(reference: ModuleType) -> None:
    page = read("cli.md")
    words = [words for words, _ in reference.commands()]
    assert {"sagewright up", "sagewright exec", "sagewright jobs logs"} <= set(words)
    for words, command in reference.commands():
        section = page.partition(f"\n## {words}\n")[2].partition("\n## ")[0]
        assert section, words
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert all(f"`{option}" in section for option in [*parameter.opts, *parameter.secondary_opts]), words


def test_every_served_operation_has_its_entry() -> None:
    page = read("coverage.md")
    for service, name in registry.load():
        section = page.partition(f"\n## {service}\n")[2].partition("\n## ")[0]
        assert f"`{name}`" in section, f"{service}:{name}"


@pytest.mark.parametrize("name", sorted(catalogue.declarations()))
def test_every_algorithm_has_a_page_that_readme_links(name: str) -> None:
    assert (DOCS / "reference" / "algorithms" / f"{name}.md").is_file()
    assert f"docs/reference/algorithms/{name}.md" in (ROOT / "README.md").read_text()


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert place.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(place), f"{target}: no such heading"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_can_be_reached_from_readme(page: Path) -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        at = waiting.pop()
        if at in seen or at.suffix != ".md" or not at.is_file():
            continue
        seen.add(at)
        waiting += [
            (at.parent / target.partition("#")[0]).resolve() for target in LINK.findall(prose(at)) if target[0] != "#"
        ]
    assert page in seen


@each_page
def test_python_snippets_compile(page: Path) -> None:
    for code in snippets(page, "python"):
        compile(code, str(page), "exec")


@each_page
def test_every_fence_is_closed_and_says_its_language(page: Path) -> None:
    marks = re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE)
    assert len(marks) % 2 == 0
    assert set(marks[0::2]) <= {"python", "console", "text", "json", "yaml"} | (
        {""} if page.name == "DESIGN.md" else set()
    )
    assert set(marks[1::2]) <= {""}


@each_page
def test_named_examples_exist(page: Path) -> None:
    for name in EXAMPLE.findall(page.read_text()):
        assert (ROOT / name).is_file(), name


@each_page
def test_no_path_of_a_machine(page: Path) -> None:
    assert OF_A_MACHINE.findall(page.read_text()) == []


def test_what_counts_as_a_path_of_a_machine() -> None:
    for text in ("see /home/someone/x", "at /root/.venv", "`/work/main`", "(/tmp/scratch-1/data)"):
        assert OF_A_MACHINE.search(text), text
    for text in (
        "its own `/opt/ml` and `/tmp`",
        "~/.local/share",
        "<data>/jobs",
        "docs/work/x",
        "/home/sagemaker-user/x",
    ):
        assert not OF_A_MACHINE.search(text), text


def test_every_dependency_says_why() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *project["build-system"]["requires"],
    ]
    section = (ROOT / "DESIGN.md").read_text().partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    for requirement in wanted:
        name = re.split(r"[\[<>=!~; ]", requirement)[0]
        assert re.search(rf"^\| {re.escape(name)}\b", section, re.MULTILINE), name


def test_fragments_of_the_changelog_have_a_known_type() -> None:
    types = {"added", "changed", "deprecated", "removed", "fixed", "security"}
    for path in (ROOT / "changelog.d").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"(\+[\w-]+|\d+)\.({'|'.join(types)})\.md", path.name), path.name
            assert path.read_text().strip().endswith("."), path.name
