"""What a site's stock and its movements say: ages, expiries, slow movers, demand, losses.

`movements` adds up recorded events by product, lot and day, `tables` makes tables of them and of
the stock of now, `chart` draws one, and `ask` answers a question.
"""
