"""What strangers have tried, again: each closed way in, one file for each kind.

A small size of it runs with every test run; `ATTACK_SCALE=20 pytest tests/attack` tries harder.
"""
