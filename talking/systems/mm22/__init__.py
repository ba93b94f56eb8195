"""Talking head from speech audio using a pre-trained image generator (MM'22; thesis chapter 4.3)."""
