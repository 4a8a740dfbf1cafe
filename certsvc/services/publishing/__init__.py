"""Decides what independent verifiers can fetch: keys, status lists, the log, as static files.

Not here: the log's own head (`log.publish`), who asks (`verification`). Verbs: `static.publish_static`,
`status_lists.publish_status_lists`.
"""
