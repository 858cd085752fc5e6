"""Swift applications are those whose latest batches were."""

from __future__ import annotations

from sagewright.serving.pace import PROOF, SLOW_S, SWIFT_S, Pace


def test_swiftness_needs_a_row_of_proofs() -> None:
    pace = Pace()
    for _ in range(PROOF - 1):
        pace.note(SWIFT_S)
    assert not pace.is_swift
    pace.note(SWIFT_S * 2)
    for _ in range(PROOF - 1):
        pace.note(SWIFT_S)
    assert not pace.is_swift
    pace.note(SWIFT_S)
    assert pace.is_swift


def test_a_slow_batch_ends_it_and_a_late_one_does_not() -> None:
    pace = Pace()
    for _ in range(PROOF):
        pace.note(SWIFT_S)
    pace.note(SLOW_S)
    assert pace.is_swift
    pace.note(SLOW_S * 1.1)
    assert not pace.is_swift
