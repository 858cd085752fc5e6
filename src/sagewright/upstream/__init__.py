"""The one HTTP client for model containers: every byte, piece, second and connection that a container can cost is bounded here.

`client.Upstream` is for event loops, `blocking.BlockingUpstream` for threads. docs/reference/trust.md lists the promises.
"""
