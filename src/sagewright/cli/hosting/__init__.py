"""Models and endpoints: the registry, JumpStart's catalogue, deployment and comparison."""
