"""Decides whether register, log and published files agree with one another, and with what was earned.

Not here: mending. Verbs: `check_register.check_log` (with the database and the keys), `check_published.audit_published`
(with neither), `witness.visit`.
"""
