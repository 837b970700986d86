from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand

from common.encryption import EncryptedTextField, reencrypt


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first of ENCRYPTION_KEYS. Afterwards the other keys can go."

    def handle(self, *args: Any, **options: Any) -> None:
        for model in apps.get_models():
            if any(isinstance(field, EncryptedTextField) for field in model._meta.fields):
                self.stdout.write(f"{model._meta.label}: {reencrypt(model)} rows")
