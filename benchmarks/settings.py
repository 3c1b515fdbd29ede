"""The product's settings, with what stands beside it at addresses of its own."""

from config import private_servers
from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
# As much is written as ever, to where it does not hide the figures.
CONSOLE = {"class": "logging.FileHandler", "filename": private_servers.LOCAL / "log", "formatter": "json"}
LOGGING = {**LOGGING, "handlers": {"console": CONSOLE}}  # noqa: F405
