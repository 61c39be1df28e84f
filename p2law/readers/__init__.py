"""From files to tables: ``read(path)`` gives a DataFrame that ``p2law.fit`` takes as it is."""

from .tabular import read as read
