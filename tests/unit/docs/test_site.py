"""The site of the docs: all pages are in it, it loads nothing from elsewhere, and a link that leads nowhere ends its build."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tool", ROOT / "tools" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tool: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "built"
    assert tool.main(folder) == 0
    return folder


@pytest.fixture(scope="module")
def files(built: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((built / "manifest.json").read_text())["files"]
    return found


def text(built: Path, entry: dict[str, Any]) -> str:
    return gzip.decompress((built / entry["file"]).read_bytes()).decode()


def test_every_page_is_in_the_site_and_in_its_menu(files: dict[str, Any], built: Path) -> None:
    menu = (ROOT / "tools" / "site" / "mkdocs.yml").read_text()
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).as_posix()
        assert re.search(rf"^ +- (?:Home: |Tutorial: \[)?{re.escape(name)}\b", menu, re.MULTILINE), (
            f"{name} is not in the menu"
        )
        assert name.removesuffix("index.md").replace(".md", "/") in files
        assert (
            f"<title>{heading(page)}" in text(built, files[name.removesuffix("index.md").replace(".md", "/")])
            or name == "index.md"
        )


def heading(page: Path) -> str:
    found = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    assert found is not None, page
    return found[1].replace("`", "").replace("&", "&amp;")


def test_the_folder_has_what_the_manifest_names_and_nothing_else(files: dict[str, Any], built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {"manifest.json", *(one["file"] for one in files.values())}
    assert sum(path.stat().st_size for path in built.iterdir()) < 6_000_000, "the wheel carries it"


def test_a_page_loads_what_the_site_has(files: dict[str, Any], built: Path) -> None:
    page = text(built, files["how-to/tune-models/"])
    loaded = re.findall(r'<(?:script|link(?! rel="(?:prev|next)")|img)\b[^>]*?\b(?:src|href)="([^"]+)"', page)
    assert len(loaded) > 4
    for one in loaded:
        assert one.startswith("../../") and one.removeprefix("../../").partition("?")[0] in files, one
    assert "http://127.0.0.1:4700" not in text(built, files["404.html"])


def test_search_finds_words_of_pages(files: dict[str, Any], built: Path) -> None:
    index = json.loads(text(built, files["search/search_index.json"]))
    assert any("warm" in one["text"] and one["location"].startswith("how-to/keep-hosts-warm/") for one in index["docs"])


def test_a_page_that_loads_from_another_host_is_refused(tool: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"x\.html loads https://elsewhere\.example/a\.js"):
        tool.script_hashes("x.html", '<script src="https://elsewhere.example/a.js"></script>')
    assert len(tool.script_hashes("x.html", "<script>a</script><script src='b.js'></script>")) == 1


def test_a_type_that_is_not_served_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.exe").write_text("")
    with pytest.raises(ValueError, match=r"a\.exe"):
        tool.pack(tmp_path / "site", tmp_path / "built")


def test_a_link_that_leads_nowhere_ends_the_build(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    copied = tool.copy_sources

    def lying(place: Path) -> None:
        copied(place)
        page = place / "docs" / "how-to" / "tune-models.md"
        page.write_text(page.read_text() + "\n[there](train-on-spot.md#nowhere)\n")

    monkeypatch.setattr(tool, "copy_sources", lying)
    assert tool.main(tmp_path / "built") != 0
    assert "train-on-spot.md#nowhere" in capfd.readouterr().err
    assert not (tmp_path / "built").exists()
