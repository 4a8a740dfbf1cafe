"""What the service does, one verb a file, in rooms that import only downwards (docs/architecture.md, "The rooms").

`context` is what every verb is handed, `vault` seals personal data, `trail` keeps who did what, `imports` is the frame
of every file that comes in. A verb owns its transaction. Not here: HTTP, words of commands, rules.
"""
