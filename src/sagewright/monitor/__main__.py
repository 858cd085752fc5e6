"""`python -m sagewright.monitor`."""

from __future__ import annotations

import sys

from sagewright.monitor.run import main

if __name__ == "__main__":
    sys.exit(main())
