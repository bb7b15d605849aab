"""Documents to events and back, streaming both ways, in every published syntax."""
