"""The API's description: made from the views and the apps' `description.py`, committed, served, shown to people.

`document.py` makes it, with drf-spectacular, which only development has; a server reads `docs/openapi.json`.
"""
