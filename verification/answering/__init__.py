"""How many requests at a time are answered: batches, one transaction each."""
