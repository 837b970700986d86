"""The PostgreSQL that comes with the product, for machines that have none.

As Django's database engine (`base.py`) it starts by itself: a process joins the server when it
first connects, and the last process to leave stops it (`server.py`).
"""
