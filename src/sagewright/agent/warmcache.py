"""/opt/ml/sagemaker/warmpoolcache: a directory that the jobs of one warm pool find as the one before left it."""

from __future__ import annotations

import shutil
from pathlib import Path

from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl


class WarmCache:
    """Of one host; does nothing for a job without a warm pool."""

    def __init__(self, host: HostFile, ml: OptMl) -> None:
        self._kept = Path(host.warm_cache) if host.warm_cache else None
        self._place = ml.root / "sagemaker" / "warmpoolcache"

    def bring(self) -> None:
        """Before the process: what the last job left, or an empty directory. Raises OSError."""
        if self._kept is None:
            return
        self._place.parent.mkdir(parents=True, exist_ok=True)
        if self._kept.exists():
            shutil.move(self._kept, self._place)
        self._place.mkdir(exist_ok=True)

    def keep(self) -> None:
        """After the process. Raises OSError."""
        if self._kept is not None and self._place.is_dir() and not self._place.is_symlink():
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self._place, self._kept)
