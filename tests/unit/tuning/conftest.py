from __future__ import annotations

import os

# As in the searchers' process; read when NumPy is loaded.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
