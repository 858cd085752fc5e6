"""`import smdistributed.modelparallel.torch as smp`: parameters, gradients and optimiser state sharded over all processes.

Sharded data parallelism is given. Pipeline and tensor parallelism are not, and `smp.init` says so rather than do less.
"""

from smdistributed.modelparallel.torch.checkpoint import load, resume_from_checkpoint, save, save_checkpoint
from smdistributed.modelparallel.torch.model import DistributedModel, DistributedOptimizer
from smdistributed.modelparallel.torch.ranks import (
    barrier,
    dp_rank,
    dp_size,
    init,
    is_initialized,
    local_rank,
    local_size,
    mp_rank,
    mp_size,
    pp_rank,
    pp_size,
    rank,
    rdp_rank,
    rdp_size,
    shutdown,
    size,
    tp_rank,
    tp_size,
)
from smdistributed.modelparallel.torch.steps import StepOutput, step

__all__ = [
    "DistributedModel",
    "DistributedOptimizer",
    "StepOutput",
    "barrier",
    "dp_rank",
    "dp_size",
    "init",
    "is_initialized",
    "load",
    "local_rank",
    "local_size",
    "mp_rank",
    "mp_size",
    "pp_rank",
    "pp_size",
    "rank",
    "rdp_rank",
    "rdp_size",
    "resume_from_checkpoint",
    "save",
    "save_checkpoint",
    "shutdown",
    "size",
    "step",
    "tp_rank",
    "tp_size",
]
