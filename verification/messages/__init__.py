"""What a request about one pack says and how it is answered: JSON in, JSON out."""
