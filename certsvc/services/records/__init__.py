"""Decides how rows become values of the rules and back: attempts, reviews, schemes, versions, secrets, photos.

Not here: what follows from them. Verbs: none; functions that read, for the rooms above.
"""
