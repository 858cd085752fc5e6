"""Rows of jobs and their hosts: lists, the queue, reservations of machines, warm pools.

Imports the database and events of `store`, and no other package of it.
"""
