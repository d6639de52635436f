"""What is wrong with a serializer or compressor in OPTIONS, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.formats.kinds import EXTRAS, Kind
from django_cachex.cache.translation import gettext as _


class WrongFormat(ImproperlyConfigured):
    """What OPTIONS have for a serializer or compressor cannot be used."""

    def __init__(self, message: str, hint: object) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = str(hint)


class MissingPackage(WrongFormat):
    """It can, once a package is installed."""


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def empty(kind: Kind) -> WrongFormat:
    return WrongFormat(
        _("“%(what)s” is an empty list.") % {"what": kind.option},
        _("Leave it out, or name at least one."),
    )


def neither(kind: Kind) -> WrongFormat:
    return WrongFormat(
        _("“%(what)s” is neither a name, nor a name with its options.") % {"what": kind.option},
        _("Write the two as a tuple: %(example)s. Several are a list of such.")
        % {"example": kind.example},
    )


def nameless(kind: Kind) -> WrongFormat:
    return WrongFormat(
        _("There is no %(what)s of that name.") % {"what": kind.option},
        _("There are %(names)s; of others, write the dotted path.")
        % {"names": ", ".join(f'"{name}"' for name in kind.paths)},
    )


def lacking(kind: Kind, methods: list[str]) -> WrongFormat:
    return WrongFormat(
        _("The %(what)s lacks %(methods)s.")
        % {"what": kind.option, "methods": ", ".join(f"{name}()" for name in methods)},
        kind.usage,
    )


def no_class(kind: Kind) -> WrongFormat:
    return WrongFormat(
        _("The %(what)s is an object, which takes no options.") % {"what": kind.option},
        _("Write its class in its place: %(example)s.") % {"example": kind.example},
    )


def unknown(kind: Kind, names: Iterable[str], known: Iterable[str]) -> WrongFormat:
    has = quoted(known)
    return WrongFormat(
        _("The %(what)s has no option %(names)s.") % {"what": kind.option, "names": quoted(names)},
        _("It has %(known)s.") % {"known": has} if has else _("It has none."),
    )


def unfit(kind: Kind, names: Iterable[str]) -> WrongFormat:
    return WrongFormat(
        _("The %(what)s cannot be made with these options.") % {"what": kind.option},
        _("Correct what %(names)s is.") % {"names": quoted(names)},
    )


def needy(kind: Kind) -> WrongFormat:
    return WrongFormat(
        _("The %(what)s cannot be made without arguments.") % {"what": kind.option},
        _("A class that takes arguments is written with them: %(example)s.")
        % {"example": kind.example},
    )


def unimported(kind: Kind, error: ImportError) -> WrongFormat:
    module = (error.name or "").partition(".")[0]
    if module in EXTRAS:
        return MissingPackage(
            _("The %(what)s needs a package that is not installed.") % {"what": kind.option},
            _("Run: pip install django-cachex[%(extra)s]") % {"extra": EXTRAS[module]},
        )
    return WrongFormat(
        _("The %(what)s cannot be imported: %(reason)s.")
        % {"what": kind.option, "reason": f"{type(error).__name__}: {error}"},
        path_advice(error),
    )


def failing(kind: Kind, error: Exception) -> WrongFormat:
    """Return what a class, or its module, raised; in the words of strangers may be anything."""
    return WrongFormat(
        _("The %(what)s cannot be made: %(reason)s.")
        % {"what": kind.option, "reason": type(error).__name__},
        _("Import it in a shell: that shows where it fails."),
    )


def path_advice(error: ImportError) -> str:
    """Return what to do about a dotted path that leads nowhere."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _("Install the package that has the module “%(module)s”, or correct the path.") % {
            "module": error.name.partition(".")[0]
        }
    return _("Correct the path: the module's, a point, and the name of the class in it.")
