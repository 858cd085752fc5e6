"""Drawn policies, decided by Sagewright and by Principal Mapper, an independent evaluator. `differences` explains the rest.

Each case is also asked pattern by pattern and condition by condition. A difference of one of these has to be a known one, and two
decisions of a whole policy may differ only where one of its parts does.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.conformance.policies.differences import difference
from tests.conformance.policies.drawing import PolicyCase, draw

from sagewright.policies.documents import read
from sagewright.policies.evaluation import AccessRequest, Policies, decide

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".cache" / "clients" / "policies" / "bin" / "python"
CASES = int(os.environ.get("SAGEWRIGHT_TEST_POLICIES", "1000"))
SEED = 20_261_130
CHUNK = 10_000


def own(case: PolicyCase) -> str:
    values = {key.lower(): tuple(given) for key, given in case.context.items()}
    request = AccessRequest((), case.action, case.resource, values)
    return decide(request, Policies(identity=(read(json.dumps(case.policy)),))).effect.value


def second(cases: Iterable[PolicyCase]) -> list[str]:
    assert PYTHON.exists(), "make .cache/clients/policies/.ready"
    lines = "\n".join(json.dumps(one.as_dict()) for one in cases)
    program = [str(PYTHON), str(Path(__file__).with_name("second.py"))]
    done = subprocess.run(program, input=lines, capture_output=True, text=True, check=True)
    return done.stdout.split()


def key(case: PolicyCase) -> str:
    return json.dumps(case.as_dict(), sort_keys=True)


def test_it_decides_as_another_evaluator_does_but_for_known_differences() -> None:
    decided: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for begin in range(0, CASES, CHUNK):
        cases = [draw(SEED + number) for number in range(begin, min(begin + CHUNK, CASES))]
        atoms = {key(atom): atom for case in cases for atom in case.atoms()}
        differing = {
            name: atom
            for (name, atom), other in zip(atoms.items(), second(atoms.values()), strict=True)
            if own(atom) != other
        }
        unknown = [name for name, atom in differing.items() if not difference(atom)]
        assert not unknown, f"{len(unknown)} parts are decided otherwise, such as {unknown[0]}"
        shown.update(difference(atom) for atom in differing.values())
        for case, other in zip(cases, second(cases), strict=True):
            decided[own(case)] += 1
            assert own(case) == other or any(key(atom) in differing for atom in case.atoms()), key(case)
    assert min(decided.values()) > CASES / 20, decided
    assert len(decided) == 3
    if CASES >= CHUNK:
        assert len(shown) == 10, shown  # each difference is still there
