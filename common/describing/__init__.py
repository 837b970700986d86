"""How the API describes itself: operations and the shapes of what they answer, as plain data.

Each app describes its own operations in a `description.py`, which only the making of the document reads
(`medblocks_connect/openapi/`): nothing of it is loaded by a server.
"""
