"""Routers and gates of mixtures."""

from breakages.table import broken, lost
from folders import change_shard, shards
from safetensors.torch import load_file

SHARED_GATE = "mlp.shared_expert_gate.weight"
ROUTER = ("mlp.gate.weight", "block_sparse_moe.gate.weight", "router.layer.weight", "mlp.router.weight")
CORRECTION = "e_score_correction_bias"


def change_gates(folder, ending, change):
    for path in shards(folder):
        gates = {name: change(tensor) for name, tensor in load_file(path).items() if name.endswith(ending)}
        change_shard(path, lambda found: found | gates)


@broken("mixture mixture-shards", "ME801", "error", "refuses")
def flat_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.flatten())


@broken("mixture", "ME801", "error", "refuses")
def standing_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.T)


@broken("mixture router stacked", "ME801", "error", "refuses")
def flat_routers(folder):
    change_gates(folder, ROUTER, lambda router: router.flatten())


@broken("mixture mixtral biased", "ME801", "error", "refuses", unsafe=True)
def turned_routers(folder):
    """The number of elements is right, and their order is not."""
    change_gates(folder, ROUTER, lambda router: router.T)


@lost("mixture stacked", "ME801", "error", "refuses")
def routers_a_row_short(folder):
    change_gates(folder, ROUTER, lambda router: router[:-1])


@lost("mixtral biased", "ME801", "error", "refuses")
def routers_with_more_rows(folder):
    change_gates(folder, ROUTER, lambda router: router.repeat(2, 1))


@broken("correction", "ME801", "error", "refuses")
def correction_in_a_row(folder):
    change_gates(folder, CORRECTION, lambda bias: bias[None])


@lost("correction", "ME801", "error", "refuses")
def short_correction(folder):
    change_gates(folder, CORRECTION, lambda bias: bias[:-1])


@lost("biased", "ME801", "error", "refuses")
def short_router_bias(folder):
    change_gates(folder, "mlp.router.bias", lambda bias: bias[:-1])


@lost("mixture mixture-shards", "ME801", "error", "refuses")
def shared_gates_without_rows(folder):
    """As merge tools wrote them where no prompt was given."""
    change_gates(folder, SHARED_GATE, lambda gate: gate[:0])


@lost("mixture", "ME801", "error", "refuses")
def shared_gates_of_two_rows(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.repeat(2, 1))


@lost("mixture", "ME801", "error", "refuses")
def short_shared_gates(folder):
    change_gates(folder, SHARED_GATE, lambda gate: gate.flatten()[:-1])


@lost("mixture", "AR401", "error", "complains")
def shared_gates_absent(folder):
    change_shard(shards(folder)[0], lambda found: {name: found[name] for name in found if not name.endswith(SHARED_GATE)})
