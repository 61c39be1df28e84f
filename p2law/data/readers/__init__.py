"""From files to tables: ``read(path)`` gives a DataFrame that ``p2law.fit`` takes as it is."""

from .files import read as read
