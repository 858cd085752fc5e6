"""How pages are read: what runs of them, and the blocks that do not, which are counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.contract.docs.pages import Block, commands, folder_of, missing_line, missing_part, read_page

ROOT = Path(__file__).parents[3]
PAGES = {path.relative_to(ROOT).as_posix(): read_page(path.name, path.read_text()) for path in folder_of(ROOT)}
NOT_RUN = {
    "README.md": 1,
    "docs/how-to/back-up-a-server.md": 1,
    "docs/how-to/bring-your-own-container.md": 3,
    "docs/how-to/choose-an-algorithm.md": 1,
    "docs/how-to/choose-versions.md": 1,
    "docs/how-to/install.md": 2,
    "docs/how-to/isolate-jobs.md": 1,
    "docs/how-to/process-with-spark.md": 2,
    "docs/how-to/run-on-a-ray-cluster.md": 2,
    "docs/how-to/run-on-a-kubernetes-cluster.md": 1,
    "docs/how-to/run-on-a-slurm-cluster.md": 1,
    "docs/how-to/run-solutions.md": 1,
    "docs/how-to/run-several-servers.md": 1,
    "docs/how-to/set-up-spaces.md": 1,
    "docs/how-to/share-a-server.md": 2,
    "docs/how-to/track-experiments.md": 1,
    "docs/how-to/track-with-mlflow.md": 1,
    "docs/how-to/train-from-the-command-line.md": 1,
    "docs/how-to/train-on-several-hosts.md": 1,
    "docs/how-to/use-another-s3.md": 1,
    "docs/how-to/use-notebooks.md": 1,
    "docs/how-to/use-postgresql.md": 1,
    "docs/how-to/use-pretrained-models.md": 4,
    "docs/tutorial.md": 2,
}  # fmt: skip
"""Blocks that no test runs, by page; the page gives each one's reason. A number may fall, and never rises."""


def test_no_more_blocks_are_left_out() -> None:
    found = Counter({name: sum(one.directive == "not run" for one in page.blocks) for name, page in PAGES.items()})
    assert {name: count for name, count in found.items() if count} == NOT_RUN


def test_most_blocks_run() -> None:
    whole = [one for page in PAGES.values() for one in page.blocks if one.language in ("console", "python")]
    left_out = [one for one in whole if one.directive == "not run"]
    assert len(left_out) < len(whole) / 4, f"{len(left_out)} of {len(whole)} blocks do not run"


def test_a_part_of_a_program_is_in_it_and_the_page_runs_the_program() -> None:
    found = 0
    for name, page in PAGES.items():
        for number, block in enumerate(page.blocks):
            if block.directive == "part of":
                found += 1
                assert missing_part(block, (ROOT / page.folder / block.value).read_text()) is None, (
                    f"{name}:{block.line}"
                )
                later = [
                    one.text for one in page.blocks[number + 1 :] if one.language == "console" and not one.directive
                ]
                assert any(f" {block.value}\n" in text for text in later), f"{name}: no command runs {block.value}"
    assert found > 0


@pytest.mark.parametrize(
    ("text", "missing"), [("a\n", None), ("a\n\nc\n", None), ("c\n\na\n", "a"), ("a\nc\n", "a\nc"), ("b\n", "b")]
)
def test_paragraphs_of_a_part_are_looked_for_in_order(text: str, missing: str | None) -> None:
    assert missing_part(Block(1, "python", text), "a\nbb\nc\n") == missing


def test_a_page_is_read_as_blocks_with_their_comments() -> None:
    content = (
        "# T\n\n<!-- client: sdk-v3 -->\n<!-- in: examples -->\n\n```console\n$ ls\n```\n\n<!-- output -->\n```text\nx\n```\n\n"
        "<!-- not run: needs a cluster -->\n```console\n$ ray\n```\n\n```python\n# src/train.py\nprint()\n```\n"
    )
    page = read_page("t", content)
    assert (page.client, page.folder) == ("sdk-v3", "examples")
    assert [(one.language, one.directive, one.value, one.file) for one in page.blocks] == [
        ("console", "", "", ""),
        ("text", "output", "", ""),
        ("console", "not run", "needs a cluster", ""),
        ("python", "", "", "src/train.py"),
    ]
    assert [one.line for one in page.blocks] == [6, 11, 16, 20]


def test_a_block_in_a_list_is_read_without_its_indent() -> None:
    (block,) = read_page("t", "- so:\n\n  ```python\n  if a:\n      b\n  ```\n").blocks
    assert block.text == "if a:\n    b\n"


@pytest.mark.parametrize("comment", ["skip: it is slow", "not run:", "not run: slow"])
def test_a_comment_that_is_no_directive_or_no_reason_is_refused(comment: str) -> None:
    with pytest.raises(ValueError, match="t:"):
        read_page("t", f"<!-- {comment} -->\n```python\n```\n")


def test_a_console_block_is_divided_into_commands_and_their_output() -> None:
    found = commands("$ a \\\n    b\nout\n$ cat > f <<'E'\n$ x\nE\n$ c\n")
    assert [(one.text, one.output) for one in found] == [
        ("a \\\n    b", ("out",)),
        ("cat > f <<'E'\n$ x\nE", ()),
        ("c", ()),
    ]
    with pytest.raises(ValueError, match="begins with output"):
        commands("ls\n")


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        (("b", "c"), "a\nb\nc\n", None),
        (("c", "b"), "a\nb\nc\n", "b"),
        (("auc = 0.9…",), "auc = 0.91\n", None),
        (("auc = 0.9…",), "auc = 0.81\n", "auc = 0.9…"),
        (("a",), "ab\n", "a"),
        (("…", "b"), "a\nb\n", None),
        (("2026-01-01 10:00:00 Starting",), "2027-02-03 04:05:06.789 Starting", None),
        (("10:00:00 x",), "x", "10:00:00 x"),
        (("a   b",), " a b ", None),
        (("loss=1",), "2026-11-30 00:54:31 Uploading - Uploading generated training modelloss=1\n", None),
        (("3 jobs",), "4 jobs", "3 jobs"),
    ],
)
def test_shown_lines_are_looked_for_in_order(shown: tuple[str, ...], printed: str, missing: str | None) -> None:
    assert missing_line(shown, printed) == missing
