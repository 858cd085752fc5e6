"""`python -m sagewright.wrangler`: the program of AWS's image sagemaker-data-wrangler-container."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        from sagewright.wrangler.online.service import serve

        sys.exit(serve())
    from sagewright.wrangler.job import memory

    with memory.spilling(Path(os.environ.get("SAGEWRIGHT_ML_ROOT", "/opt/ml")) / "processing"):
        from sagewright.wrangler.job.run import main

        sys.exit(main(sys.argv[1:]))
