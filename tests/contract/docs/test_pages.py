"""Every block of the tutorial, of README and of the pages of `how-to` runs, in order, and prints what its page shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.docs.cleaning import clean
from tests.contract.docs.pages import folder_of, read_page
from tests.contract.docs.runner import ROOT, PageRun

PAGES = {path.relative_to(ROOT).as_posix(): path for path in folder_of(ROOT)}
CHEAP_S = 8
"""CPU seconds up to which a page runs each time."""
DEAR: dict[str, str] = {}
"""Pages that cost more, with the reason: a few of them run each time, all of them by `make soak`."""
MODULES = {"sdk-v2": "SDK_V2", "sdk-v3": "SDK_V3"}


@pytest.fixture(scope="module")
def docs_server(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    running = server_class(tmp_path_factory.mktemp("docs"), by_command=True)
    running.start()
    yield running
    running.end()
    running.kill_everything()


def run(name: str, content: str, place: Path, running: Any) -> None:
    page = read_page(name, content)
    one = PageRun(page, place, running.data, running.warm_client(page.client))
    try:
        one.run()
    finally:
        one.end()
        clean(running)


@pytest.mark.parametrize("name", sorted(set(PAGES) - set(DEAR)))
def test_a_page_does_what_it_says(name: str, docs_server: Any, tmp_path: Path) -> None:
    run(name, PAGES[name].read_text(), tmp_path, docs_server)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", sorted(DEAR) or [pytest.param("", marks=pytest.mark.skip("none"))])
def test_a_page_that_costs_more_does_what_it_says(name: str, docs_server: Any, tmp_path: Path) -> None:
    run(name, PAGES[name].read_text(), tmp_path, docs_server)
