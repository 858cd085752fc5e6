"""Runs Python programs in forks of a process that has imported the SDK: `python warm.py MODULE...`.

Each line of standard input is a JSON document `{"argv": [program, ...], "cwd": ..., "stdout": file, "stderr": file}`; the
answer, a line, is the program's exit status. The program and the SDK are unmodified, and see what `python program ...` shows.
"""

import importlib
import json
import os
import runpy
import sys
from typing import Any


def run(asked: dict[str, Any]) -> int:
    """The exit status of the program, in this process."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
    os.chdir(asked["cwd"])
    sys.argv = asked["argv"]
    sys.path[0] = asked["cwd"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the SDK prints when it is imported is no answer
    for module in sys.argv[1:]:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = run(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


main()
