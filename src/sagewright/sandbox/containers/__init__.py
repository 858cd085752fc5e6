"""Isolation by a container engine: its API, images, and the process that represents a container.

Imports the sandbox's root, and no other package.
"""
