"""Fits: objective, solver, uncertainty, reports. Imports ``data``, ``laws``, ``schedules`` and ``errors`` only."""
