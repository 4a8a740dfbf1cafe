"""Decides when a message is handed over, tried again or given up, and that a notice goes out once.

Not here: codes (`holders`), which deeds are told of (each deed itself), the wire (`certsvc.delivery`).
Verbs: `send.send_queued`, `send.queue`, `write.write_notice`, `tell.tell`, `tell.tell_enrolled`, `deliver.deliver`,
`listing.notices`, `listing.send_again`.
"""
