"""Decides who belongs to the staff.

Not here: signing in, which is not built yet (docs/known-limits.md). Verbs: `accounts.add_account`.
"""
