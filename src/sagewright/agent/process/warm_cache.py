"""/opt/ml/sagemaker/warmpoolcache: a directory that the jobs of one warm pool find as the one before left it."""

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
    """Of one host; does nothing for a job without a warm pool. It is moved as a whole and never looked into."""

    def __init__(self, host: HostFile, ml: OptMl) -> None:
        self._kept = Path(host.warm_cache) if host.warm_cache else None
        self._ml = ml

    def bring(self) -> None:
        """Before the process: what the last job left, or an empty directory. Raises OSError."""
        if self._kept is None:
            return
        place = self._ml.root / _HOLDER / _NAME
        with JobDirectory.at(self._ml.root) as ml, ml.make(_HOLDER) as holder:
            if self._kept.is_dir() and not self._kept.is_symlink():
                remove_tree(place)  # made for checkpoints below it, and empty
                os.rename(self._kept, _NAME, dst_dir_fd=holder.descriptor)
            holder.make(_NAME).close()

    def keep(self) -> None:
        """After the process, if it has left a directory there. Raises OSError."""
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
