"""`annotate`: tracks of another program into the tasks of a dataset."""
