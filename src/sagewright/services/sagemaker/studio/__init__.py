"""Domains and user profiles of Studio, and the URLs that sign in. Imports no other wing."""
