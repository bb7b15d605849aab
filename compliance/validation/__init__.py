"""The validation pack: what an audit asks, the risks, the tests, and their results."""
