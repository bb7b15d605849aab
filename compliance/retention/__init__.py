"""How long what is kept here is kept: policies, legal holds, and the acts that follow from them.

`policy` says what the operator wants and what the law demands, `hold` what must not be touched,
`held` finds what a hold covers, `plan` what would go, `duty` carries it out. Decision 0059 says
why it is so.
"""
