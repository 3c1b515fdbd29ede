from typing import Any

from django.core.management.base import BaseCommand

from audit import log
from shops.encryption import rotate_secrets


class Command(BaseCommand):
    help = (
        "Write every stored secret again with the first of FIELD_ENCRYPTION_KEYS, so that the keys after it can be "
        "dropped."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = rotate_secrets()
        log.write("secrets.rotated", after={"rows": rows})
        self.stdout.write(f"{rows} rows written again.")
