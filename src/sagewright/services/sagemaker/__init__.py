"""The SageMaker control plane: one module for each resource."""
