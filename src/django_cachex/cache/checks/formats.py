"""The serializers and compressors that OPTIONS name: can they be had, and made?"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from django_cachex.cache.checks.alias import Alias
from django_cachex.cache.formats import (
    COMPRESSOR,
    SERIALIZER,
    MissingPackage,
    WrongFormat,
    make_all,
)

WRONG = ((SERIALIZER, "django_cachex.E111"), (COMPRESSOR, "django_cachex.E109"))


def check_formats(alias: Alias) -> Iterator[CheckMessage]:
    """Report serializers and compressors that cannot be made, or are none."""
    for kind, id in WRONG:
        try:
            make_all(kind, alias.options)
        except MissingPackage as error:
            yield alias.error("django_cachex.E114", error.message, error.hint)
        except WrongFormat as error:
            yield alias.error(id, error.message, error.hint)
        except ImproperlyConfigured as error:
            yield alias.error(
                id,
                _("An option of the %(what)s makes no sense.") % {"what": kind.option},
                str(error),
            )
