"""The suite that every device must pass: each row of the case tables, in each of its dtypes."""
