"""Any method's videos against the truth: floors, ceilings, intervals, tables and the report."""
