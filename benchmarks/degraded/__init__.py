"""Pictures of damaged GS1 DataMatrix codes with the truth beside them, drawn anew from any seed."""
