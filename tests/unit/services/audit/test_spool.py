"""Records on their way to the store: none is lost, and none comes twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sagewright.services.audit.records import new_event_id
from sagewright.services.audit.spool import CURRENT, AuditSpool
from sagewright.store.audit import AuditedResource, AuditEntry


def entry(number: int) -> AuditEntry:
    about = (AuditedResource("m", "arn:m", "AWS::SageMaker::Model"),)
    return AuditEntry(new_event_id(number), "r", "s", f"Create{number}", "ann", "AKIA", 0, "", "{}", about)


def listed(one: AuditEntry) -> list[Any]:
    """An entry as JSON gives it back."""
    found: list[Any] = json.loads(json.dumps(one.as_list()))
    return found


def test_what_was_written_comes_once(tmp_path: Path) -> None:
    spool, entries = AuditSpool(tmp_path / "audit"), [entry(number) for number in range(205)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(spool.append, entries))
    batches = list(spool.batches(100))
    assert [len(one) for one in batches] == [100, 100, 5]
    assert {one[0]: one for batch in batches for one in batch} == {one.id: listed(one) for one in entries}
    assert list(spool.batches(100)) == []
    assert list((tmp_path / "audit").iterdir()) == []
    spool.append(entries[0])
    assert list(spool.batches(100)) == [[listed(entries[0])]]


def test_another_process_goes_on_with_what_is_left(tmp_path: Path) -> None:
    killed, entries = AuditSpool(tmp_path), [entry(number) for number in range(3)]
    for one in entries:
        killed.append(one)
    with (tmp_path / CURRENT).open("ab") as file:
        file.write(b'["torn", []]\n{}\n["torn')
    taking = AuditSpool(tmp_path).batches(2)
    assert next(taking) == [listed(one) for one in entries[:2]]  # it is killed before it asks for the next
    taking.close()
    assert [one for batch in AuditSpool(tmp_path).batches(2) for one in batch] == [listed(one) for one in entries]


def test_a_full_disk_stops_no_operation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    spool = AuditSpool(tmp_path / "audit")
    for number in range(3):
        spool.append(entry(number))
    assert caplog.text.count("The audit trail lacks records") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["audit"]
