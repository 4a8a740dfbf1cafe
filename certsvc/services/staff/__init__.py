"""Decides who belongs to the staff, who of them is at work, and what their role may do.

Not here: whether a deed needs two people (`rules.four_eyes`, each verb). Verbs: `accounts.add_account`,
`accounts.change_role`, `accounts.disable`, `accounts.reset`, `accounts.map_to`; `sessions.begin`, `sessions.sign_in`,
`sessions.confirm`, `sessions.sign_out`; `roles.may`.
"""
