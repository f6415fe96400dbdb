"""One file a verb, or a group of verbs; each has its own `app`, and `cli.main` lists them all."""
