"""The catalogue's twin, which nothing watches."""
