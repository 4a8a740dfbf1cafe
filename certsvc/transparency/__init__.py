"""The public log, pure: what is appended, how it is hashed, proved, published, cosigned and audited.

leaf (what an event says in public) · tree (hashes, the growing edge) · proofs (inclusion, consistency) ·
tiles (files that any web server serves) · note and checkpoint (signed heads) · bundle (a proof to keep) ·
witness (cosign or refuse) · audit (recompute everything from public files).
No I/O, no clock, no randomness: bytes, dates, salts and readers of hashes come in as arguments.
Written down for strangers in docs/log-format.md.
"""
