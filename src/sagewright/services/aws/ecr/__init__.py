"""Elastic Container Registry: repositories and images. `server.images` serves pushes and pulls."""
