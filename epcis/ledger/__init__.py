"""The tamper-evident log of everything recorded: nobody can change it unnoticed.

`entry` says what an entry commits to, `merkle` is the tree, `ledger_tables` has both tables,
`append` how an act writes into it, `proofs` how a reader is convinced, `audit` how all of it is
recomputed. The log is unsigned here; `compliance.seal` signs its checkpoints.
"""
