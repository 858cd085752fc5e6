"""The options of smspark-submit: those of spark-submit that AWS's program accepts, with directories in place of lists of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.toolkit.spark.errors import InputError, OptionError

_LISTS = ("jars", "py-files", "files")
_VALUES = (*_LISTS, "class", "spark-event-logs-s3-uri", "local-spark-event-logs-dir")


@dataclass(frozen=True)
class Options:
    """`given`: values by option (without dashes); `program`: the application and its arguments."""

    program: list[str]
    given: dict[str, str] = field(default_factory=dict)
    verbose: bool = False

    @property
    def event_logs(self) -> str:
        """Returns the output directory of event logs; "" for none."""
        return self.given.get("local-spark-event-logs-dir", "")

    @property
    def event_logs_uri(self) -> str:
        return self.given.get("spark-event-logs-s3-uri", "")

    def spark_options(self) -> list[str]:
        """Returns spark-submit's arguments before the application. Raises InputError."""
        options = ["--verbose"] if self.verbose else []
        for name in ("class", *_LISTS):
            if name in self.given:
                options += [f"--{name}", expanded(self.given[name]) if name in _LISTS else self.given[name]]
        return options


def parse(words: Sequence[str]) -> Options:
    """Parses options up to the application. Raises OptionError."""
    given: dict[str, str] = {}
    verbose, rest = False, list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if word in {"-v", "--verbose"}:
            verbose = True
            continue
        name, has_value, value = word[2:].partition("=")
        if not word.startswith("--") or name not in _VALUES:
            raise OptionError(
                f"No such option: {word}. There are --{', --'.join(_VALUES)} and --verbose; Spark's settings go into configuration."
            )
        if not has_value and not rest:
            raise OptionError(f"Option {word} requires an argument.")
        given[name] = value if has_value else rest.pop(0)
    if not rest:
        raise OptionError("Missing argument: the application, a .py or .jar file.")
    return Options(rest, given, verbose)


def expanded(listed: str) -> str:
    """Returns a comma-separated list in which each directory is replaced by its files. Raises InputError."""
    if not listed:
        raise InputError("a list of files must not be empty")
    return ",".join(part for entry in listed.split(",") for part in _files(entry))


def _files(entry: str) -> list[str]:
    parts = urlsplit(entry)
    if parts.scheme not in {"", "file"}:
        return [entry]
    path = Path(parts.path if parts.scheme else entry)
    if not path.is_absolute():
        raise InputError(f"file path {path} must be an absolute path to a file or directory")
    if path.is_file():
        return [str(path.resolve())]
    if not path.is_dir():
        raise InputError(f"file path {path} does not exist")
    files = sorted(str(file.resolve()) for file in path.iterdir() if file.is_file())
    if not files:
        raise InputError(f"Found zero files in {path}")
    return files
