"""Signing in: failed attempts, and sign-in by a provider."""
