"""A two-layer network learns sin(x), on the device that is named: fit_a_curve.py openblas"""

import sys

import vidya
from vidya import nn

device = vidya.device(sys.argv[1] if len(sys.argv) > 1 else "numpy")
vidya.manual_seed(1)

x = vidya.linspace(-3, 3, 200, device=device).reshape(200, 1)
y = x.sin()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, 32, device=device)
        self.out = nn.Linear(32, 1, device=device)

    def forward(self, x):
        return self.out(self.hidden(x).tanh())


net = Net()
optimizer = vidya.optim.AdamW(net.parameters(), lr=0.02)
for step in range(500):
    loss = (net(x) - y).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:3d}  loss {loss.item():.5f}")
print(f"finally   loss {loss.item():.5f}")
