"""CSV files and Excel sheets of other systems, in and out: products, places, and opening stock.

What comes in is written as an EPCIS document and captured like a partner's: it is in the log, has
its original, and is judged by everything that judges documents. Nothing is written while one row
is wrong.
"""
