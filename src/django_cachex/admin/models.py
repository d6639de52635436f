"""Two models without tables, for permissions, the sidebar, URL names and `LogEntry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    ManagerBase = models.Manager[models.Model]
else:
    ManagerBase = models.Manager


class NoRows(ManagerBase):
    """Returns no rows without a query, so that commands such as `dumpdata --all` work."""

    def get_queryset(self) -> models.QuerySet[models.Model]:
        return super().get_queryset().none()


class Cache(models.Model):
    """An alias of `settings.CACHES`."""

    alias = models.CharField(_("cache"), max_length=255, primary_key=True)

    objects = NoRows()

    class Meta:
        managed = False
        base_manager_name = "objects"
        default_permissions = ("view", "change")
        verbose_name = _("cache")
        verbose_name_plural = _("caches")

    def __str__(self) -> str:
        return self.alias


class Key(models.Model):
    """A key of an alias; `links.object_id` makes its `id`."""

    id = models.CharField(_("key"), max_length=255, primary_key=True)

    objects = NoRows()

    class Meta:
        managed = False
        base_manager_name = "objects"
        default_permissions = ("view", "add", "change", "delete")
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.id
