"""The tamper-evident log: what was recorded, in which order, so that nobody can change it unseen.

`entry` says what an entry commits to, `merkle` is the tree, `tables` where both are kept,
`append` how an act writes into it, `proofs` how a reader is convinced, `audit` how all of it is
recomputed. The log is unsigned here; `compliance.seal` signs its checkpoints.
"""
