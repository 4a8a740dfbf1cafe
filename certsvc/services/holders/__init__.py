"""Decides who a holder is and what that person sees and may do (R10).

Not here: pages (`certsvc.web.holder`), certificates' files (`certificates.give_out`). Verbs: `sign_in.sign_in`,
`own_record.view`, `share_links.create`, `codes_by_message.send_due`.
"""
