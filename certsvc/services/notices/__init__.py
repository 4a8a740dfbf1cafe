"""Decides when a message is handed over, tried again or given up, and that a notice goes out once.

Not here: what it says (`holders`), the wire (`certsvc.delivery`). Verbs: `send.send_queued`, `send.queue`,
`write.write_notice`.
"""
