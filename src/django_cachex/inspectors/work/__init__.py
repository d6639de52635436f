"""Work too long for one request: a value that is carried on, budget by budget."""

from django_cachex.inspectors.work.survey import Sorting, Survey
from django_cachex.inspectors.work.sweep import Sweep
from django_cachex.inspectors.work.work import Position, Work, advance

__all__ = ["Position", "Sorting", "Survey", "Sweep", "Work", "advance"]
