"""What the project measures of its own speed: `python -m bench` runs every part, `python bench/<part>.py` one."""
