from __future__ import annotations

import os
import sys
from pathlib import Path

# As in the searchers' process; read when NumPy is loaded.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

sys.path.append(str(Path(__file__).parents[3] / "bench" / "tuning"))  # the simulations of tuning jobs
