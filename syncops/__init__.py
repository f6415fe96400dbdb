"""syncops keeps third-party marketplaces equal to a Django database.

Everything enters by *mark* and leaves by *deliver*. This package is the engine: it knows no terminal
and no catalogue. Importing it imports no Django, so that the command line can answer `--version` at once.
"""

__version__ = "0.1.0"
