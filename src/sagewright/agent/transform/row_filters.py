"""Row filters of batch transform: InputFilter, the join with the input, OutputFilter, inference ids.

Source: AWS's developer guide, "Associate Prediction Results with Input Records"; for ids, outputs in AWS's example notebooks.
"""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from sagewright.agent.inputs.records import Payload
from sagewright.model.jobs.brief import RowFilters
from sagewright.model.jobs.json_paths import WHOLE, JsonPath, NothingThere, json_path

OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"
ID, TIME = "SageMakerInferenceId", "SageMakerInferenceTime"


class BadRow(ValueError):
    """A row cannot be filtered or joined; the message says why."""


class _Format(Protocol):
    """The format of rows of one content type."""

    def read(self, row: bytes) -> Any: ...
    def chosen(self, path: JsonPath, row: Any) -> Any: ...
    def joined(self, given: Any, predicted: Any) -> Any: ...
    def identified(self, row: Any, identifier: str, begun: str) -> Any: ...
    def write(self, row: Any) -> bytes: ...


class _Csv:
    def read(self, row: bytes) -> list[str]:
        text = row.decode().rstrip("\r\n")
        if '"' not in text:
            return text.split(",")
        rows = list(csv.reader(io.StringIO(text), strict=True))
        if len(rows) != 1:
            raise ValueError("a field spans several lines")
        return rows[0]

    def chosen(self, path: JsonPath, row: list[str]) -> list[str]:
        return path.columns(row)

    def joined(self, given: list[str], predicted: list[str]) -> list[str]:
        return given + predicted

    def identified(self, row: list[str], identifier: str, begun: str) -> list[str]:
        return [*row, identifier, begun]

    def write(self, row: list[str]) -> bytes:
        if not any(mark in field for field in row for mark in '",\n\r'):
            return ",".join(row).encode()
        stream = io.StringIO()
        csv.writer(stream, lineterminator="").writerow(row)
        return stream.getvalue().encode()


class _Json:
    def read(self, row: bytes) -> Any:
        return json.loads(row)

    def chosen(self, path: JsonPath, row: Any) -> Any:
        return path.of(row)

    def joined(self, given: Any, predicted: Any) -> Any:
        return {**given, OUTPUT: predicted} if isinstance(given, dict) else {INPUT: given, OUTPUT: predicted}

    def identified(self, row: Any, identifier: str, begun: str) -> Any:
        """Returns the object with both members first; a row with only a prediction becomes its SageMakerOutput."""
        named = isinstance(row, dict) and OUTPUT in row
        return {ID: identifier, TIME: begun, **(row if named else {OUTPUT: row})}

    def write(self, row: Any) -> bytes:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def format_of(content_type: str) -> _Format | None:
    """Returns the format of a content type; None if its rows cannot be parsed."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "text/csv":
        return _Csv()
    return _Json() if media in {"application/json", "application/jsonlines", "application/jsonl"} else None


class RowFilter:
    """`rows`: the requested filters; `by_line`: True if a payload has one row per line, otherwise it is one row."""

    def __init__(self, rows: RowFilters, content_type: str, *, by_line: bool) -> None:
        """Raises BadRow for a content type whose rows cannot be parsed."""
        self._before, self._after, self._join = _path(rows.before), _path(rows.after), rows.join
        self._identified, self._by_line = rows.identified, by_line
        self._begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        format_ = format_of(content_type)
        if format_ is None and not self.does_nothing:
            raise BadRow(
                f"rows of the content type {content_type or '(none)'} cannot be filtered, joined or identified"
            )
        if rows.identified and isinstance(format_, _Csv) and not by_line:
            raise BadRow("rows of CSV get inference ids only with the SplitType Line")
        self._format: _Format = format_ or _Json()

    @property
    def does_nothing(self) -> bool:
        return self._before is None and self.keeps_output

    @property
    def keeps_output(self) -> bool:
        return self._after is None and not self._join and not self._identified

    def before(self, record: bytes) -> bytes:
        """Returns the filtered record for the request. Raises BadRow."""
        if self._before is None:
            return record
        return self._format.write(self._chosen(self._before, self._read(record, "input"), "the input filter"))

    def after(self, payload: Payload, answer: bytes) -> bytes:
        """Returns the output for an answer to the records of `payload`, which are unfiltered. Raises BadRow."""
        if self.keeps_output:
            return answer
        rows = [line for line in answer.split(b"\n") if line.strip()] if self._by_line else [answer]
        if self._join and len(rows) != len(payload.records):
            raise BadRow(
                f"the answer has {len(rows)} rows for {len(payload.records)} records; they can't be joined with their input"
            )
        given: Sequence[bytes | None] = payload.records if self._join else [None] * len(rows)
        kept = [self._kept(one, row) for one, row in zip(given, rows, strict=True)]
        return b"\n".join(kept) + (b"\n" if answer.endswith(b"\n") else b"")

    def _kept(self, given: bytes | None, row: bytes) -> bytes:
        if given is not None and self._after is None and isinstance(self._format, _Csv) and not self._identified:
            return given.rstrip(b"\r") + b"," + row.rstrip(b"\r")
        predicted = self._read(row, "output")
        if given is not None:
            predicted = self._format.joined(self._read(given, "input"), predicted)
        chosen = self._chosen(self._after, predicted, "the output filter")
        if self._identified:
            chosen = self._format.identified(chosen, str(uuid.uuid4()), self._begun)
        return self._format.write(chosen)

    def _read(self, row: bytes, what: str) -> Any:
        try:
            return self._format.read(row)
        except (ValueError, RecursionError, csv.Error) as error:
            raise BadRow(f"a row of the {what} cannot be read: {error}") from error

    def _chosen(self, path: JsonPath | None, row: Any, what: str) -> Any:
        if path is None:
            return row
        try:
            return self._format.chosen(path, row)
        except (NothingThere, RecursionError) as error:
            raise BadRow(f"{what} {path.text}: {error}") from error


def _path(text: str) -> JsonPath | None:
    """Returns the compiled path; None for the whole row."""
    return None if text == WHOLE else json_path(text)
