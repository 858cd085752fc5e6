"""Hosts on the nodes of a Ray cluster.

`backend` asks `broker` for what it wants, that asks a process of its own (`driver`), and that an actor in the cluster
(`cluster`), which makes an actor for each host (`host`). Only the last three import Ray.
"""
