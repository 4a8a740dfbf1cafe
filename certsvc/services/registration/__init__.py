"""Decides which rosters come in and which registrations count (R1).

Not here: the review's rules (`rules.registration_review`). Verbs: `import_roster.import_candidates`, `review.confirm`,
`review.approve`, `review.return_`, `review.reject`.
"""
