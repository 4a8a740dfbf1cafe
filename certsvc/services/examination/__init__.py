"""Decides who sits what and when, what results come in, what candidates may see of them, and who has passed.

Not here: the rules (`certsvc.rules`), certificates (`issuing`). Verbs: `sittings.add`, `sittings.admit`,
`sittings.close`, `draw.draw`, `draw.check_draw`, `papers.check_in`, `papers.tickets`, `papers.all_tickets`,
`sitting_list.queue`, `sheet.sheet`, `scores.enter`, `scores.confirm`, `import_results.import_results`,
`deliver.deliver`, `publish_results.publish_results`, `publish_results.publish_exam`, `exams.exams`, `exams.results_of`,
`decide.explain_all`, `overdue.overdue`, `retakes.ending`, `retakes.open_retakes`, `retakes.notify`.
"""
