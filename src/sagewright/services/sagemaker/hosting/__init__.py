"""Models, endpoint configurations, endpoints, inference components and shadow tests.

Imports `resources`, and `registry` for the containers of model packages.
"""
