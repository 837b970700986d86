"""The product's settings, for an application with one view and nothing around it (bench/bare.py)."""

from medblocks_connect.settings import *  # noqa: F403

MIDDLEWARE = []
ROOT_URLCONF = "bench.bare"
