"""Families of networks put together: a mean of their log-odds with one share for each family and label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks._fitted import Fitted


@stored
class Stack(Fitted):
    """Fitted families; each gives the mean log-odds of its members, and the stack the weighted mean of these."""

    def __init__(self, families: Sequence[Fitted]):
        first = families[0]
        super().__init__(first.encoder, [w for family in families for w in family.weights], first.n_labels)
        self._parts = list(families)
        self.shares = np.full((len(families), first.n_labels), 1 / len(families))

    def to_state(self) -> dict[str, Any]:
        """Return what predicts, for pickles and files."""
        return {"families": self._parts, "shares": self.shares, "temperature": self.temperature}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Stack:
        """Return the stack that `to_state` described."""
        stack = cls(state["families"])
        stack.shares, stack.temperature = state["shares"], state["temperature"]
        return stack

    @property
    def families(self) -> list[Fitted]:
        """The families, the plain networks first."""
        return self._parts

    def mean_logits(self, X: NDArray[Any], member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: of all, or of one member, counted over families.

        A family whose shares are all 0 is not asked.
        """
        if member is not None:
            for family in self._parts:
                if member < len(family.weights):
                    return family.mean_logits(X, member)
                member -= len(family.weights)
            raise IndexError(f"There are {len(self.weights)} members.")
        total = np.zeros((len(X), self.n_labels))
        for family, share in zip(self._parts, self.shares, strict=True):
            if share.any():
                total += share * family.mean_logits(X)
        return total

    def network(self) -> Any:
        """Return the network of the first family."""
        return self._parts[0].network()

    def keras_models(self) -> list[Any]:
        """Return the members of all families as Keras models from raw columns to probabilities."""
        return [model for family in self._parts for model in family.keras_models()]

    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of the log-odds of a member of the first family."""
        return self._parts[0].member_logit(model, inputs)

    def mean_logit(self, inputs: Any, name: str = "stack") -> Any:
        """Return the Keras tensor of the log-odds before the temperature, for raw columns."""
        import keras

        parts = [
            keras.layers.Rescaling(share, dtype="float64", name=f"share_{i}")(
                family.mean_logit(inputs, f"mean_logit_{i}")
            )
            for i, (family, share) in enumerate(zip(self._parts, self.shares, strict=True))
        ]
        return keras.layers.Add(name=name, dtype="float64")(parts)
