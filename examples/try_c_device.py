"""Run `pip install ./examples/c_device` first. Prints what ran where."""

import vidya

x = vidya.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], device="c_device")

y = x * 2 + 1  # two native kernels
print(y.device, y.numpy().tolist())

print(x.T.relu().numpy().tolist())  # a view, made whole by `copy`; relu is decomposed

with vidya.fallback_policy("error"):
    try:
        x.exp()
    except vidya.errors.UnsupportedError as error:
        print(error)
