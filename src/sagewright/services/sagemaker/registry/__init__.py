"""Model packages, their groups, approval, model cards, and algorithms of the account.

Imports `resources`.
"""
