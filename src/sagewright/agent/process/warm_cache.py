"""/opt/ml/sagemaker/warmpoolcache: a directory that passes from one job of a warm pool to the next."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.removal import remove_tree

_HOLDER, _NAME = "sagemaker", "warmpoolcache"


class WarmCache:
    """The cache of one host; does nothing for a job without a warm pool. It is moved as a whole and never examined."""

    def __init__(self, host: HostFile, ml: OptMl) -> None:
        self._kept = Path(host.warm_cache) if host.warm_cache else None
        self._ml = ml

    def bring(self) -> None:
        """Provides the last job's cache, or an empty directory, before the process. Raises OSError."""
        if self._kept is None:
            return
        place = self._ml.root / _HOLDER / _NAME
        with JobDirectory.at(self._ml.root) as ml, ml.make(_HOLDER) as holder:
            if self._kept.is_dir() and not self._kept.is_symlink():
                remove_tree(place)  # made for checkpoints below it, and empty
                os.rename(self._kept, _NAME, dst_dir_fd=holder.descriptor)
            holder.make(_NAME).close()

    def keep(self) -> None:
        """Saves the directory after the process, if it has left one there. Raises OSError."""
        if self._kept is None:
            return
        with suppress(FileNotFoundError, NotADirectoryError), JobDirectory.at(self._ml.root) as ml:
            holder = ml.below(_HOLDER)
            try:
                if stat.S_ISDIR(os.lstat(_NAME, dir_fd=holder.descriptor).st_mode):
                    self._kept.parent.mkdir(parents=True, exist_ok=True)
                    remove_tree(self._kept)
                    os.rename(_NAME, self._kept, src_dir_fd=holder.descriptor)
            finally:
                holder.close()
