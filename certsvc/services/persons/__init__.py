"""Decides what a person may have done with the data about them: handed over, put right, erased (R10), and what goes by
itself when a scheme's term is over.

Not here: corrections of certificates (`certificates.correct`), the telephone that opens a record (`holders.contact`).
Verbs: `export.export_person`, `correct.propose`, `correct.approve`, `erase.propose`, `erase.approve`,
`erase.erase_again`, `sweep.sweep`.
"""
