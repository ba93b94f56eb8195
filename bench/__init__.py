"""What the project measures of its own speed: `python -m bench` runs every part, `python -m bench.<part>` one."""
