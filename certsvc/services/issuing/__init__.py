"""Decides what is certified of whom, under which number, signs it and draws it: steps 1 to 7 of docs/issuing.md.

Not here: who has passed (`examination.decide`), changes afterwards (`certificates`). Verbs: `issue.issue`,
`sign_approved.sign_approved`, `render.render`, `next_version.issue_version`.
"""
