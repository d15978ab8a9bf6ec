"""The digits network in PyTorch."""

import torch
from torch import nn

torch.set_num_threads(1)
ACTIVATION = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


class Trial:
    """A network with its optimizer, trained epoch by epoch."""

    def __init__(self, hp):
        self.net = nn.Sequential(
            nn.Linear(64, hp["hidden"]),
            ACTIVATION[hp["activation"]](),
            nn.Dropout(hp["dropout"]),
            nn.Linear(hp["hidden"], 10),
        )
        self.optimizer = torch.optim.RMSprop(self.net.parameters(), lr=hp["lr"])
        self.loss = nn.CrossEntropyLoss()

    def epoch(self, data, batch=32):
        """Trains an epoch, and returns the accuracy on the validation part."""
        (x, y), (x_valid, y_valid) = data
        self.net.train()
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            part = order[start : start + batch]
            self.optimizer.zero_grad()
            self.loss(self.net(x[part]), y[part]).backward()
            self.optimizer.step()
        self.net.eval()
        with torch.no_grad():
            outputs = self.net(x_valid)
            self.loss(outputs, y_valid).item()
            return (outputs.argmax(1) == y_valid).float().mean().item()


def tensors(data):
    return tuple((torch.from_numpy(x), torch.from_numpy(y)) for x, y in data)
