"""Named settings of the main system, each trained with several seeds, measured on held-out clips, put into a table."""
