"""The client that waits. scripts/sync.py makes ``client.py`` and ``resources.py`` of those in pingr._async."""
