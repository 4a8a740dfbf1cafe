"""Decides what a check answers (R11): scans, look-ups by number and name, brought files, online and offline.

Not here: how a file's seal is taken apart (`certsvc.signing`), pages (`certsvc.web`). Verbs: `scan.by_token`,
`look_up.by_number_and_name`, `look_up.match`, `verify.verify_online`, `verify.verify_offline`.
"""
