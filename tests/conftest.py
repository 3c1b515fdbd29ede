import os

import pytest
from django.db import connection

from config import private_servers


@pytest.fixture
def product_environment(transactional_db: None) -> dict[str, str]:
    """What a process of the product started by a test needs to see: this test's database, broker, cache and secrets."""
    own = {"DJANGO_SETTINGS_MODULE": "config.settings"}
    if not connection.settings_dict["HOST"]:
        own["DATABASE_URL"] = private_servers.database_url(connection.settings_dict["NAME"])
    return {**os.environ, **own}
