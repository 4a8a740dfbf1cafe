"""Decides what becomes of certificates once issued: status, corrections, paper and its reissue, files given out.

Not here: the first issue (`issuing`), what the public sees (`verification`). Verbs: `change_status.revoke`,
`correct.correct`, `reissue.approve`, `import_paper.import_paper`, `give_out.pdf_of`, `resign.resign`,
`archive.archive`.
"""
