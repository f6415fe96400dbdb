"""The stages of an import: each a module, each pure until the one that writes."""
