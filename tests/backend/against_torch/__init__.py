"""Random calls give what PyTorch gives: values, dtypes, shapes and gradients."""
