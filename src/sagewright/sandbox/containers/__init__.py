"""Isolation by a container engine: its API, images, and the process that stands for a container.

Imports the sandbox's root, and no other package.
"""
