"""Elastic Container Registry: repositories and images. What pushes and pulls is `server.images`."""
