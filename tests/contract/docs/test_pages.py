"""Every block of the tutorial, of README and of the pages of `how-to` runs, in order, and prints what its page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WARM_MODULES
from tests.contract.docs.cleaning import clean
from tests.contract.docs.pages import folder_of, read_page
from tests.contract.docs.runner import ROOT, PageLies, PageRun

pytestmark = pytest.mark.timeout(1500)
PAGES = {path.relative_to(ROOT).as_posix(): path for path in folder_of(ROOT)}
DEAR = {
    "README.md": "jobs with PyTorch, a tuning job and an endpoint",
    "docs/how-to/choose-an-algorithm.md": "an environment with the SDK, beside those of jobs",
    "docs/how-to/explain-with-clarify.md": "a report of Clarify, with its PDF",
    "docs/how-to/run-processing-jobs.md": "an environment with DuckDB",
    "docs/how-to/run-solutions.md": "a pipeline of seven steps",
    "docs/how-to/track-with-mlflow.md": "an environment with MLflow",
    "docs/how-to/train-from-the-command-line.md": "three jobs with PyTorch",
    "docs/how-to/train-on-several-hosts.md": "two hosts with PyTorch",
    "docs/how-to/use-notebooks.md": "JupyterLab",
    "docs/how-to/use-sdk-v3.md": "an environment with SDK v3, and two jobs with PyTorch",
    "docs/tutorial.md": "two jobs, of PyTorch and of XGBoost",
}
"""Pages that cost more than ten seconds of CPU time, with the reason: two of them run each time, all of them by `make soak`."""


@pytest.fixture(scope="session")
def docs_server(server_class: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    running = server_class(tmp_path_factory.mktemp("docs"), by_command=True)
    running.start()
    yield running
    running.end()
    running.kill_everything()


def run(name: str, content: str, place: Path, running: Any) -> None:
    page = read_page(name, content)
    warm = running.warm_client(page.client) if page.client in WARM_MODULES else None
    one = PageRun(page, place, running.data, warm)
    try:
        one.run()
    finally:
        one.end()
        clean(running)


@pytest.mark.sampled(16)
@pytest.mark.parametrize("name", sorted(set(PAGES) - set(DEAR)))
def test_a_page_does_what_it_says(name: str, docs_server: Any, tmp_path: Path) -> None:
    run(name, PAGES[name].read_text(), tmp_path, docs_server)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", sorted(DEAR))
def test_a_page_that_costs_more_does_what_it_says(name: str, docs_server: Any, tmp_path: Path) -> None:
    run(name, PAGES[name].read_text(), tmp_path, docs_server)


LIES = {
    "docs/how-to/open-s3-to-others.md": [
        ("hello\n```", "good bye\n```", "good bye"),
        ('boto3.client("s3")', 'boto3.cliend("s3")', "cliend"),
        ("sagewright exec -- aws s3 cp", "sagewright exec -- aws s3 mv-all", "ended with"),
        ("s3.create_bucket", "s33.create_bucket", "NameError"),
    ],
    "docs/how-to/trace-lineage.md": [("['s3://bucket/raw.csv']", "['s3://bucket/cooked.csv']", "cooked")],
}
"""Changes of one line each of a page, and a part of what its test then says."""


@pytest.mark.parametrize(("name", "true", "lie", "said"), [(name, *one) for name, them in LIES.items() for one in them])
def test_a_page_that_lies_fails(name: str, true: str, lie: str, said: str, docs_server: Any, tmp_path: Path) -> None:
    content = PAGES[name].read_text()
    assert true in content
    with pytest.raises(PageLies, match=re.escape(said)):
        run(name, content.replace(true, lie, 1), tmp_path, docs_server)
