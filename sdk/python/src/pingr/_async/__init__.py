"""The client for asyncio. ``client.py`` and ``resources.py`` are what scripts/sync.py makes pingr._sync of."""
