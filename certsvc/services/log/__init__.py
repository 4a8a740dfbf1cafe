"""Decides what may be appended to the public log, and which head of it is signed and published.

Not here: leaves, trees and proofs themselves (`certsvc.transparency`); auditing (`services.audit`).
Verbs: `append.append`, `publish.publish_log`, `proven.proven_index`, `cosign.add_cosignature`.
"""
