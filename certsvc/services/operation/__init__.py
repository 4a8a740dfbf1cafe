"""Decides how an installation is begun, backed up, restored and counted.

Not here: keys (`certsvc.signing`), migrations (`certsvc.store`). Verbs: `init.initialise`, `backup.back_up`,
`backup.restore`, `api_keys.create`, `overview.overview`.
"""
