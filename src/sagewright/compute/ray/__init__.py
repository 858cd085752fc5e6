"""Hosts on the nodes of a Ray cluster.

`backend` sends requests to `broker`, which forwards them to a separate process (`driver`), which calls an actor in the cluster
(`cluster`), which makes an actor for each host (`host`). Only the last three import Ray.
"""
