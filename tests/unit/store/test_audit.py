"""Rows of the audit trail: each once, found by what they are about, removed in bounded work."""

from __future__ import annotations

from sagewright.services.audit.records import new_event_id
from sagewright.store import audit
from sagewright.store.audit import AuditedResource, AuditEntry, AuditQuery
from sagewright.store.database import Database

DAY_MS = 86_400_000
ARN = "arn:aws:sagemaker:r:0:model/m"


def entry(at_ms: int, name: str = "CreateModel", **changes: str) -> AuditEntry:
    about = AuditedResource(changes.pop("resource", "m"), ARN, "AWS::SageMaker::Model")
    values = {
        "region": "r",
        "source": "s",
        "username": "ann",
        "access_key": "AKIA",
        "error": "",
        "record": "{}",
    } | changes
    return AuditEntry(new_event_id(at_ms), name=name, reads=0, resources=(about,), **values)


def test_ids_sort_by_time_and_tell_it() -> None:
    for at_ms in (0, 1, 1_764_000_000_123, 4_000_000_000_000):
        made = new_event_id(at_ms)
        assert audit.at_ms(made) == at_ms
        assert audit.first_id(at_ms) <= made < audit.first_id(at_ms + 1)


def test_what_comes_again_is_there_once(database: Database) -> None:
    entries = [entry(number) for number in range(1, 4)]
    audit.put(database, entries[:2])
    audit.put(database, entries)
    assert audit.find(database, AuditQuery("r"), 10) == entries[::-1]


def test_it_is_found_by_each_condition(database: Database) -> None:
    wanted = entry(50, "DeleteModel", username="bob", resource="other")
    audit.put(database, [entry(10), wanted, entry(90)])
    for query in (
        AuditQuery("r", {"username": "bob"}),
        AuditQuery("r", {"name": "DeleteModel"}),
        AuditQuery("r", resource="other"),
        AuditQuery("r", type="AWS::SageMaker::Model", from_ms=50, to_ms=50),
        AuditQuery("r", before=audit.first_id(90), from_ms=11),
    ):
        assert audit.find(database, query, 10) == [wanted], query
    assert len(audit.find(database, AuditQuery("r", resource=ARN), 10)) == 2
    assert audit.name_of(ARN) == "m"
    assert audit.find(database, AuditQuery("elsewhere"), 10) == []


def test_a_page_begins_at_a_row_and_all_are_counted(database: Database) -> None:
    entries = [entry(number, username="ann" if number % 2 else "bob") for number in range(1, 9)]
    audit.put(database, entries)
    newest = entries[::-1]
    assert audit.find(database, AuditQuery("r", skip=3), 2) == newest[3:5]
    assert audit.find(database, AuditQuery("r", {"username": "bob"}, skip=3), 2) == newest[::2][3:]
    assert audit.find(database, AuditQuery("r", skip=8), 2) == []
    assert audit.count(database, AuditQuery("r"), 100) == 8
    assert audit.count(database, AuditQuery("r", {"username": "bob"}), 100) == 4
    assert audit.count(database, AuditQuery("r"), 5) == 5


def test_old_ones_are_removed_with_their_resources(database: Database) -> None:
    old, new = [entry(number) for number in range(1, 1203)], [entry(3 * DAY_MS)]
    audit.put(database, [*old, *new])
    assert audit.remove_before(database, 2 * DAY_MS) == len(old)
    assert audit.find(database, AuditQuery("r"), 10) == new
    assert audit.find(database, AuditQuery("r", resource=ARN), 10) == new
    assert audit.remove_before(database, 2 * DAY_MS) == 0
