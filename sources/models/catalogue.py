"""Which state of the catalogue the database holds."""

from django.db import models
from django.db.models import Q

from common.ids import new_ulid


class Catalogue(models.Model):
    """One row: which state of the catalogue the database holds. Search indexes are built for one version."""

    version = models.CharField(max_length=26, default=new_ulid)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="sources_catalogue_single_row")]

    @classmethod
    def changed(cls) -> None:
        """Note a change of sources or facilities. Call it in the transaction that makes the change."""
        cls.objects.update_or_create(id=1, defaults={"version": new_ulid()})

    @classmethod
    def lock(cls) -> None:
        """Let nobody else change the catalogue before this transaction ends. Take it before locking other rows."""
        cls.objects.select_for_update().get_or_create(id=1)

    @classmethod
    def current_version(cls) -> str:
        """The version of the catalogue as committed; "" for one that was never filled."""
        return cls.objects.filter(id=1).values_list("version", flat=True).first() or ""
