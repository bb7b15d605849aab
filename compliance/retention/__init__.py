"""Retention: policies, legal holds, and the archiving and erasing that follow from them.

`policy` holds the operator's periods against those of the law, `hold` manages legal holds, `held`
finds the records a hold covers, `ended` the ordinary records past their period, and `duty` plans
and runs a policy. Decision 0059 gives the reasons.
"""
