"""The order of examples in an epoch, over the hosts that share them."""

from __future__ import annotations

import math

import numpy as np

from sagewright.algorithms.deep.training.run import Run
from sagewright.algorithms.deep.training.together import Together


def is_shared(own: Run, hosts: Together) -> bool:
    """Returns True if all hosts have the same examples, which they divide."""
    return own.job.channels["train"].distribution != "ShardedByS3Key" and hosts.size > 1


class Order:
    """The order of this host's `count` examples. Hosts that all have the same examples divide them; all hosts make the same number
    of `steps`.

    `examples`: those of all hosts, each counted once.
    """

    def __init__(self, own: Run, hosts: Together, count: int, batch: int) -> None:
        self._seed, self._hosts, self._count, self._batch = own.seed, hosts, count, batch
        self._shared = is_shared(own, hosts)
        mine = math.ceil(count / hosts.size) if self._shared else count
        self.steps = hosts.most(math.ceil(mine / batch))
        self.examples = hosts.total([mine])[0]

    def rows(self, epoch: int) -> np.ndarray:
        """(steps, batch) rows: at the end it starts over, as MXNet's iterators do."""
        hosts = self._hosts
        random = np.random.default_rng([self._seed, 2, epoch, 0 if self._shared else hosts.rank])
        order = random.permutation(self._count)
        order = order[hosts.rank :: hosts.size] if self._shared else order
        batch = min(self._batch, max(2, len(order))) if self.steps == 1 else self._batch
        order = order if len(order) else np.zeros(1, np.int64)
        return np.resize(order, self.steps * batch).reshape(self.steps, -1)
