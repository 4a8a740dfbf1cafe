"""Decides how results on record are put right, annulled or withdrawn, and what follows from it (R2.4 to R2.7).

Not here: the rules (`certsvc.rules`), how results come in (`examination`), what counts of them (`records.attempts`).
Verbs: `candidate.find`, `candidate.results`, `one.propose`, `correct.propose`, `sitting.propose`, `carry_out.approve`.
"""
