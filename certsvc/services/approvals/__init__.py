"""Decides what waits for a second person, and hands each request to the deed it asks for (R1.6, R8.4a, R10).

Not here: the deeds (`certificates.correct`, `holders.contact`), how a request is kept (`records.approvals`).
Verbs: `desk.list_approvals`, `desk.show`, `desk.approve`, `desk.reject`, `follow_up.follow_up`.
"""
