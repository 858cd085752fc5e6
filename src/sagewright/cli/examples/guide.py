"""`sagewright guide`: questions that lead to an algorithm or a feature, and to the code that uses it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from sagewright.cli.client import client
from sagewright.cli.examples.catalogue import SDKS, find, programs
from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.options import console, fail, settings_of
from sagewright.model.guide import suggestion, tree
from sagewright.model.guide.scenarios import BEYOND_ALGORITHMS, PRACTICES
from sagewright.model.guide.suggestion import GuideSuggestion
from sagewright.model.guide.tree import AlgorithmChoice, Option, Question

TASK = "task"
ALGORITHM = "algorithm"
TASKS = Question(
    TASK,
    "What do you want to do?",
    (
        Option(ALGORITHM, "Choose an algorithm", "from the kind of your data"),
        *(Option(one.example, one.question, one.answer) for one in BEYOND_ALGORITHMS),
    ),
)


def guide(
    data: Annotated[
        str | None, typer.Option("--data", help="s3://BUCKET/PREFIX of your data: its beginning suggests the answers.")
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--answers", help="Answers for scripts, such as data=table,goal=class or task=experiments."),
    ] = None,
    sdk: Annotated[str, typer.Option("--sdk", help="Show code of the SageMaker Python SDK v2 or v3.")] = "v2",
    code: Annotated[bool, typer.Option("--code/--no-code", help="Print the program.")] = True,
    server: Annotated[
        Path | None, typer.Option("--server", help="The server's data directory.", show_default="SAGEWRIGHT_DATA")
    ] = None,
) -> None:
    """Ask what data you have and what you want, and suggest a program that does it.

    Without a terminal and without answers, print the whole tree.
    """
    if sdk not in SDKS:
        fail(f"--sdk is {sdk[:20]!r}: it must be {' or '.join(SDKS)}.")
    given = _parsed(answers or "")
    proposed = GuideSuggestion()
    if data is not None:
        proposed = _suggested(data, server)
        console.print(proposed.reason, markup=False, soft_wrap=True)
        given = {TASK: ALGORITHM, **proposed.answers, **given}
    if not given and not _interactive():
        _print_tree()
        return
    if "data" in given:
        given.setdefault(TASK, ALGORITHM)
    task = _answer(TASKS, given)
    if task != ALGORITHM:
        _end(task, sdk, code)
        return
    advice = tree.advise(given)
    while advice.open is not None:
        given = {**given, advice.open.name: _answer(advice.open, given)}
        advice = tree.advise(given)
    for question, words, name in advice.asked:
        source = "  (from your data)" if name in proposed.answers else ""
        console.print(f"{question} {words}{source}", markup=False, soft_wrap=True)
    for number, choice in enumerate(advice.suggestions):
        console.print(f"{'→' if number == 0 else ' '} {choice.title}: {choice.why}", markup=False, soft_wrap=True)
    _end_with(advice.suggestions[0], sdk, code)


def _interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _parsed(answers: str) -> dict[str, str]:
    found = {}
    for part in filter(None, (part.strip() for part in answers.split(","))):
        name, equals, value = part.partition("=")
        if not equals or name not in {TASK, "data", "goal"}:
            fail(f"--answers has {part[:40]!r}: it must be task=…, data=… or goal=…, separated by commas.")
        found[name] = value
    return found


def _answer(question: Question, given: Mapping[str, str]) -> str:
    """Returns the name of the chosen option: the given one, or the number that is typed."""
    names = [option.name for option in question.options]
    if question.name in given:
        if given[question.name] not in names:
            fail(f"{question.name} is {given[question.name][:40]!r}: it must be one of {', '.join(names)}.")
        return given[question.name]
    if not _interactive():
        fail(f"{question.text} Add {question.name}=… to --answers: {', '.join(names)}.")
    console.print(f"\n[bold]{question.text}[/bold]")
    for number, option in enumerate(question.options, 1):
        console.print(f"  {number:2}  {option.words}: {option.means}", markup=False)
    while True:
        typed = typer.prompt("Number", prompt_suffix=": ").strip()
        if typed.isdecimal() and 1 <= int(typed[:6]) <= len(names):
            return names[int(typed[:6]) - 1]
        console.print(f"Enter a number from 1 to {len(names)}.")


def _suggested(uri: str, server: Path | None) -> GuideSuggestion:
    if not uri.startswith("s3://"):
        fail(f"--data is {uri[:80]!r}: it must begin with s3://. The server's directory is given by --server.")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = client(settings_of(data=server), "s3")
    try:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=suggestion.KEYS).get("Contents", [])
        filled = [one["Key"] for one in listed if one["Size"]]
        if not filled:
            fail(f"{uri[:200]} has no objects that aren't empty.")
        begun = s3.get_object(Bucket=bucket, Key=filled[0], Range=f"bytes=0-{suggestion.READ_BYTES - 1}")["Body"].read()
    except ClientError as error:
        refuse(error)
    except BotoCoreError as error:
        fail(str(error))
    return suggestion.suggest(filled, filled[0], begun)


def _end_with(choice: AlgorithmChoice, sdk: str, code: bool) -> None:
    if not choice.example:
        console.print(f"\nThere is no example of {choice.title} yet. The call, for SDK v2:\n")
        console.print(_sketch(choice.algorithm), markup=False, soft_wrap=True)
    elif "/" in choice.example:
        path = programs() / f"{choice.example}.py"
        if code:
            console.print(f"\n{path.read_text()}", markup=False, soft_wrap=True)
        console.print(f"Run it: sagewright exec -- python {path}", markup=False, soft_wrap=True)
    else:
        _end(choice.example, sdk, code)


def _end(name: str, sdk: str, code: bool) -> None:
    example = find(name, sdk)
    if code:
        console.print(f"\n{example.code}", markup=False, soft_wrap=True)
    version = "" if sdk == "v2" else f" --sdk {sdk}"
    console.print(f"Run it: sagewright examples run {example.name}{version}", markup=False, soft_wrap=True)


def _sketch(algorithm: str) -> str:
    return f"""import sagemaker
from sagemaker.estimator import Estimator

session = sagemaker.Session()
image = sagemaker.image_uris.retrieve("{algorithm}", session.boto_region_name)
estimator = Estimator(image, sagemaker.get_execution_role(), 1, "ml.m5.large", hyperparameters={{...}})
estimator.fit({{"train": "s3://BUCKET/PREFIX"}})"""


def _print_tree() -> None:
    console.print(f"{tree.DATA.text}  (data=)")
    for option in tree.DATA.options:
        console.print(f"  {option.name}: {option.words}, {option.means}", markup=False)
        question = tree.GOALS.get(option.name)
        for goal in question.options if question else ():
            titles = ", ".join(one.title for one in tree.ANSWERS[option.name, goal.name])
            console.print(f"    goal={goal.name}: {goal.words} → {titles}", markup=False)
        if question is None:
            console.print(f"    → {', '.join(one.title for one in tree.ANSWERS[option.name, ''])}", markup=False)
    console.print("\nBeyond algorithms  (task=)")
    for one in BEYOND_ALGORITHMS:
        console.print(f"  {one.example}: {one.question} → {one.answer}", markup=False)
    console.print("\nGood practice")
    for line in PRACTICES:
        console.print(f"  {line}", markup=False)
    console.print("\nFor scripts: sagewright guide --answers data=table,goal=class")
