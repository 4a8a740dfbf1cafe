"""Decides what a survival kit holds, and fills a fresh home from one.

Not here: backups (`operation.backup`). Verbs: `export.export_kit`, `export.rebuild`.
"""
