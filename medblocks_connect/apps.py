from django.apps import AppConfig


class MedblocksConnectConfig(AppConfig):
    name = "medblocks_connect"

    def ready(self) -> None:
        from medblocks_connect import checks  # noqa: F401  registers the deploy checks
