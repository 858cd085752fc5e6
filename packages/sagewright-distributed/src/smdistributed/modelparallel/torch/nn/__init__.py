"""`smp.nn`: modules that are divided over the processes of a tensor-parallel group."""

from smdistributed.modelparallel.torch.nn.basic import DistributedEmbedding, DistributedLinear, DistributedModule
from smdistributed.modelparallel.torch.nn.transformer import (
    DistributedAttentionLayer,
    DistributedTransformer,
    DistributedTransformerLayer,
    DistributedTransformerLMHead,
    DistributedTransformerOutputLayer,
)

__all__ = [
    "DistributedAttentionLayer",
    "DistributedEmbedding",
    "DistributedLinear",
    "DistributedModule",
    "DistributedTransformer",
    "DistributedTransformerLMHead",
    "DistributedTransformerLayer",
    "DistributedTransformerOutputLayer",
]
