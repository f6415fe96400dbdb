"""`syncops`, the bridge, and the five verbs that also have a name of their own under manage.py."""
