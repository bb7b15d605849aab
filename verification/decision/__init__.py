"""The one judgement about a pack: facts, decision, renderings."""
