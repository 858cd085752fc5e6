"""Pages of docs as what a reader does with them: blocks to run, files to save, output to compare.

A block is a fence of `console`, `python`, `json` or `text`. A comment before it says what does not follow from it:

- `<!-- not run: REASON -->`: it can't run in a test; REASON says what is missing.
- `<!-- output -->`: a `text` block that shows the output of the block before it.
- `<!-- exit: 1 -->`: its last command ends with this status.
- `<!-- file: NAME -->`: it is saved as NAME. A Python block whose first line is `# NAME.py` is saved, too.
- `<!-- part of: NAME -->`: it is a part of a program in the page's folder, which a later command of the page runs.

A comment `<!-- client: sdk-v3 -->` names the client environment of a page; others have SDK v2, boto3 and the AWS CLI.
`<!-- in: examples -->` runs the page in a copy of that folder of the repository, `<!-- in: checkout -->` beside one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?P<comment>^ *<!-- *(?P<directive>[^>]*?) *-->\n\n?)?^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)
_OPTION = re.compile(r"^<!-- *(client|in): *([\w-]+) *-->$", re.MULTILINE)
_NAMED = re.compile(r"# ([\w./-]+\.py)\n")
_HEREDOC = re.compile(r"<<'?(\w+)'?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?|\d\d:\d\d:\d\d(?:[.,]\d+)?")
_STATUS = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]\w+ - (?:Preparing the instances for training|Downloading input data|"
    r"Training image download completed\. Training in progress\.|Uploading generated training model|Training job \w+)"
    r"|-+!)\.*(?=[^\s.])",
    re.MULTILINE,
)
"""A status that SDK v2 prints without ending the line: the next line of the log follows it."""
VARIES = "…"
RUN = ("console", "python")
DIRECTIVES = ("not run", "output", "exit", "file", "part of")


@dataclass(frozen=True)
class Block:
    """`line`: of its fence, from 1. `directive`, `value`: its comment, if it has one."""

    line: int
    language: str
    text: str
    directive: str = ""
    value: str = ""

    @property
    def file(self) -> str:
        """The name under which the block is saved, "" if it is none."""
        if self.directive == "file":
            return self.value
        found = _NAMED.match(self.text) if self.language == "python" else None
        return found[1] if found else ""


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the lines of output that the page shows."""

    text: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class DocsPage:
    name: str
    blocks: tuple[Block, ...]
    client: str
    folder: str


def read_page(name: str, content: str) -> DocsPage:
    """Raises ValueError for a comment before a block that is none of DIRECTIVES."""
    blocks = []
    for found in _FENCE.finditer(content):
        directive, _, value = (found["directive"] or "").partition(":")
        if directive in ("client", "in"):
            directive = value = ""
        if directive and directive not in DIRECTIVES:
            raise ValueError(f"{name}: <!-- {found['directive']} -->: one of {', '.join(DIRECTIVES)} is meant?")
        if directive == "not run" and len(value.split()) < 2:
            raise ValueError(f"{name}: `not run` gives no reason")
        line = content[: found.start("language")].count("\n") + 1
        text = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        blocks.append(Block(line, found["language"], text, directive, value.strip()))
    options = dict(_OPTION.findall(content))
    return DocsPage(name, tuple(blocks), options.get("client", "sdk-v2"), options.get("in", ""))


def commands(text: str) -> list[Command]:
    """Divides a console block. Raises ValueError for output before the first command."""
    found: list[tuple[list[str], list[str]]] = []
    ends = ""
    for line in text.splitlines():
        if ends or (found and not found[-1][1] and found[-1][0][-1].endswith("\\")):
            found[-1][0].append(line)
            ends = "" if line == ends else ends
        elif line.startswith("$ "):
            found.append(([line[2:]], []))
            heredoc = _HEREDOC.search(line)
            ends = heredoc[1] if heredoc else ""
        elif not found:
            raise ValueError(f"a console block begins with output: {line}")
        else:
            found[-1][1].append(line)
    return [Command("\n".join(command), tuple(output)) for command, output in found]


def missing_line(shown: tuple[str, ...], printed: str) -> str | None:
    """Returns the first line that the page shows and that was not printed, in this order; None if all were.

    `…` stands for anything in a line, a line of it for any lines. Dates and times are those of any run; runs of blanks are one. A
    status of SDK v2 ends its line, although the SDK prints the next line behind it.
    """
    rest = iter([_flat(line) for line in _STATUS.sub(r"\1\n", printed).splitlines()])
    for line in shown:
        if not line.strip() or line.strip() in (VARIES, "..."):
            continue
        pattern = re.compile(_pattern(line))
        if not any(pattern.fullmatch(one) for one in rest):
            return line
    return None


def _flat(line: str) -> str:
    return " ".join(line.split())


def _pattern(line: str) -> str:
    parts = []
    for part in _flat(line).split(VARIES):
        at, pieces = 0, []
        for moment in _MOMENT.finditer(part):
            pieces += [re.escape(part[at : moment.start()]), f"(?:{_MOMENT.pattern})"]
            at = moment.end()
        parts.append("".join([*pieces, re.escape(part[at:])]))
    return ".*".join(parts)


def missing_part(block: Block, program: str) -> str | None:
    """Returns the first paragraph of a block that is not in the program, in this order; None if all are."""
    at, program = 0, f"\n{program}"
    for paragraph in re.split(r"\n{2,}", block.text.strip()):
        found = program.find(f"\n{paragraph}\n", at)
        if found < 0:
            return paragraph
        at = found + len(paragraph)
    return None


def unseen(page: DocsPage) -> list[Block]:
    """Returns the blocks of a page that are not run."""
    return [one for one in page.blocks if one.directive == "not run"]


def folder_of(root: Path) -> list[Path]:
    """Returns the pages whose blocks run."""
    return [root / "README.md", root / "docs" / "tutorial.md", *sorted((root / "docs" / "how-to").glob("*.md"))]
