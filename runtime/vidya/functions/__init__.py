"""Functions made of ops, by family; `vidya`, `Tensor` and `vidya.nn.functional` give them out."""
