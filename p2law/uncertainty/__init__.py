"""How far to trust a fit."""
