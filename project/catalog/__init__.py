"""The catalogue that ships: a product, and its price in a table of its own."""
