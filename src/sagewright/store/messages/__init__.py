"""Rows of messages, deliveries and deployments, which several servers share.

Imports the database, events and servers of `store`, and no other package of it.
"""
