"""Domains with their user profiles, spaces and apps; images and life-cycle configurations of apps; URLs that sign in.

`effective_settings` says which settings an app gets from its domain, profile and space; `app_launches` makes the request of its
job, which `engine.apps` carries out. Imports no other wing.
"""
