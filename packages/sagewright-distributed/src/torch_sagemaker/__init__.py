"""`import torch.sagemaker as tsm`: AWS's model parallel library, version 2, under its names.

PyTorch's FSDP shards over the processes that the job's options specify, and `transform` divides a model's tensors. The import hook
of jobs finds this package as `torch.sagemaker`.
"""

from torch.sagemaker.state import init, state
from torch.sagemaker.transform import transform

__all__ = ["init", "state", "transform"]
