"""Decides what results come in, what candidates may see of them, and who has passed.

Not here: the rules (`certsvc.rules`), certificates (`issuing`). Verbs: `import_results.import_results`,
`publish_results.publish_results`, `decide.explain_all`.
"""
