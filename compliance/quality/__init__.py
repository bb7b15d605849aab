"""Quality control of lots: locked while samples are inspected, released by a second person."""
