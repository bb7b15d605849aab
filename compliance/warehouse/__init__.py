"""Orders of customers and the goods picked for them; acts do what happens to the goods."""
