"""Tables, plots and contact sheets of an evaluation."""
