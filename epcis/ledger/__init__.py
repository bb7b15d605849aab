"""The tamper-evident log of everything recorded: nobody can change it unnoticed.

`entry` says what an entry commits to, `merkle` is the tree, `ledger_tables` has both tables,
`append` how a transaction writes into it, and `tree` makes proofs. `epcis.fsck.log` computes all of
it again and compares. The log is unsigned here; `compliance.seal` signs its checkpoints.
"""
