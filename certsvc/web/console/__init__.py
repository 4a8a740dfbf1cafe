"""The console: the staff sign in, see what waits for them, and work at the desks; one file a desk.

Every route names its deed (`desk.Desk`), and what is not allowed to a role by `services.staff.roles` is not there for
it. Not here: what a deed does (services), who is signed in (`services.staff.sessions`).
"""
