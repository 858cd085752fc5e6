"""Commands and calls on pages: each names a command, options, an operation and members that exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name

from sagewright.cli.main import app
from sagewright.cli.notebooks.command import OPEN, OpeningGroup

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SHELLS = {"console", "sh", "bash", "shell"}
CLIENTS = {
    "sagemaker": "sagemaker", "sm": "sagemaker", "s3": "s3", "logs": "logs", "iam": "iam", "cloudwatch": "cloudwatch",
    "events": "events", "scheduler": "scheduler", "ecr": "ecr", "sts": "sts", "runtime": "sagemaker-runtime", "sqs": "sqs",
    "sns": "sns", "kms": "kms", "functions": "lambda", "metrics": "sagemaker-metrics",
}  # fmt: skip
"""Names of clients on pages."""
ANY = {"get_paginator", "get_waiter", "generate_presigned_url", "generate_presigned_post", "exceptions", "meta"}
TRANSFERS = {"upload_file", "download_file", "upload_fileobj", "download_fileobj"}


def blocks(page: Path, languages: set[str]) -> Iterator[str]:
    for found in FENCE.finditer(page.read_text()):
        if found[2] in languages:
            yield re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)


def lines(text: str) -> Iterator[str]:
    """Yields the lines of commands, with those that follow a backslash."""
    whole = re.sub(r"\\\n\s*", " ", text)
    for line in whole.splitlines():
        command = line.strip().removeprefix("$ ")
        if re.match(r"(?:[A-Z_]+=\S+ )*sagewright\b", command):
            yield re.sub(r"^(?:[A-Z_]+=\S+ )+", "", command)


COMMANDS = [(page.name, line) for page in PAGES for text in blocks(page, SHELLS) for line in lines(text)]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_has_the_options_that_a_page_gives_it(page: str, line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" > ")[0], comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if isinstance(command, OpeningGroup) and (not words or words[0] not in command.commands):
            words.insert(0, OPEN)
        if not words or words[0].startswith("-"):
            break
        name = words.pop(0)
        found = command.get_command(None, name)
        assert found is not None, f"{page}: there is no command {name} in `{line}`"
        command = found
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    for word in words[: words.index("--")] if "--" in words else words:
        if re.match(r"--?[A-Za-z]", word) and not re.fullmatch(r"-\d+", word):
            assert word.partition("=")[0] in known, (
                f"{page}: `{line}` has the option {word}; the command has {sorted(known)}"
            )


def calls(page: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yields calls of clients: service and call."""
    named, whole = dict(CLIENTS), list(blocks(page, {"python"}))
    if any(re.search(r"^import sagemaker\b", text, re.MULTILINE) for text in whole):
        named.pop("sagemaker")  # the SDK
    for text in whole:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Assign)
                and (service := _client(node.value))
                and isinstance(node.targets[0], ast.Name)
            ):
                named[node.targets[0].id] = service
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                service = named.get(owner.id, "") if isinstance(owner, ast.Name) else _client(owner)
                if service:
                    yield service, node


def _client(node: ast.expr) -> str:
    """Returns the service of `boto3.client("service")`, "" for anything else."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("boto3.client", "session.client") and node.args:
        first = node.args[0]
        return str(first.value) if isinstance(first, ast.Constant) else ""
    return ""


def _is_left_out(node: ast.expr) -> bool:
    """Tells `...`, by which a page leaves out the members that it doesn't speak of."""
    return isinstance(node, ast.Constant) and node.value is ...


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_call_names_an_operation_and_its_members(page: Path) -> None:
    session = botocore.session.get_session()
    for service, call in calls(page):
        assert isinstance(call.func, ast.Attribute)
        method = call.func.attr
        if method in ANY | TRANSFERS:
            continue
        model = session.get_service_model(service)
        operations = {xform_name(name): name for name in model.operation_names}
        assert method in operations, f"{service} has no operation {method}"
        shape = model.operation_model(operations[method]).input_shape
        members = set(shape.members) if shape else set()
        given = {one.arg for one in call.keywords if one.arg}
        assert given <= members, f"{method} has no {sorted(given - members)}"
        if not any(one.arg is None for one in call.keywords) and not any(map(_is_left_out, call.args)):
            required = set(shape.required_members) if shape else set()
            tokens = {
                name for name, one in (shape.members.items() if shape else ()) if one.metadata.get("idempotencyToken")
            }
            assert required - tokens <= given, f"{method} lacks {sorted(required - given)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_client_is_made_with_arguments_that_boto3_takes(page: Path) -> None:
    taken = {
        "region_name",
        "endpoint_url",
        "config",
        "verify",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    }
    for text in blocks(page, {"python"}):
        for node in ast.walk(ast.parse(text)):
            if _client(node) if isinstance(node, ast.expr) else "":
                assert isinstance(node, ast.Call)
                assert {one.arg for one in node.keywords if one.arg} <= taken, ast.unparse(node)
