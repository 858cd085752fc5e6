"""`python -m sagewright.toolkit train`, or `serve [FRAMEWORK]`.

A process started ahead of its job imports as little as possible before it is ready.
"""

from __future__ import annotations

import sys

from sagewright.toolkit.ahead.ready import await_job, is_ahead

if __name__ == "__main__":
    if is_ahead():
        await_job()
    from sagewright.toolkit.training import main

    sys.exit(main(sys.argv[1:]))
