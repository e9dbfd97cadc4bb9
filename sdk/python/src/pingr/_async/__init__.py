"""The client for asyncio. scripts/sync.py generates pingr._sync from ``client.py`` and ``resources.py``."""
