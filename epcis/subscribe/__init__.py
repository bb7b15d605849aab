"""Standing queries: who is told what, when, and what to do when nobody answers (section 8.2.5)."""
