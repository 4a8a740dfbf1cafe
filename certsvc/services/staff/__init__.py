"""Decides who belongs to the staff, who of them is at work, and what their role may do.

Not here: whether a deed needs two people (`rules.four_eyes`, each verb). Verbs: `accounts.add_account`, `change_role`,
`disable`, `reset`, `map_to`; `sessions.begin`, `sign_in`, `confirm`, `sign_out`; `roles.may`.
"""
