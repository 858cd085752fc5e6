"""`import torch.sagemaker as tsm`: AWS's model parallel library, version 2, by its names.

PyTorch's FSDP shards over the processes that the job's options say, and `transform` divides a model's tensors. The import hook of
jobs finds this package as `torch.sagemaker`.
"""

from torch.sagemaker.state import init, state
from torch.sagemaker.transform import transform

__all__ = ["init", "state", "transform"]
