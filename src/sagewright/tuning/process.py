"""The searchers' process: `python -m sagewright.tuning.process`, with one JSON request and one answer per line.

It ends at the end of its input, or after the number of seconds in its argument without a request.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, BinaryIO

from setproctitle import setproctitle

from sagewright.tuning.inprocess import InProcessSearchers
from sagewright.tuning.study import Study, Trial


def main() -> None:
    setproctitle(f"sagewright: searcher [{os.environ.get('SAGEWRIGHT_DATA', '')}]")
    idle_s = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output printed by a library is not an answer
    serve(os.fdopen(os.dup(0), "rb", buffering=0), answers, idle_s)


def serve(requests: BinaryIO, answers: BinaryIO, idle_s: float) -> None:
    searchers, pending = InProcessSearchers(), bytearray()
    while select.select([requests], [], [], idle_s)[0]:
        part = requests.read(1 << 20)
        if not part:
            return
        pending += part
        if b"\n" not in part:
            continue
        lines = pending.split(b"\n")
        pending = lines.pop()
        for line in lines:
            answers.write(json.dumps(_answer(searchers, line)).encode() + b"\n")
            answers.flush()


def _answer(searchers: InProcessSearchers, line: bytearray) -> dict[str, Any]:
    try:
        request = json.loads(line)
        study = Study.read(request["study"])
        trials = [Trial.read(each) for each in request["trials"]]
        found = searchers.suggest(study, trials, request["count"])
        return {"suggestions": [each.document() for each in found]}
    except Exception as error:  # one study's fault must not end the other studies' searchers
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
