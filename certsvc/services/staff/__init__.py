"""Decides who belongs to the staff, who of them is at work, and what their role may do.

Not here: whether another deed needs two people (`rules.four_eyes`, each verb). Verbs: `account_work.do_or_ask`,
`accounts.disable`, `accounts.enable`; `sessions.begin`, `sessions.sign_in`, `sessions.confirm`, `sessions.sign_out`;
`roles.may`.
"""
