"""Hosts on the nodes of a Ray cluster. Only `cluster` and what it starts there import Ray, in processes of their own."""
