"""Cases: suspect and illegitimate product, exceptions, Form FDA 3911."""
