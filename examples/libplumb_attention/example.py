# SPDX-License-Identifier: Apache-2.0
"""torch.ops.plumb.attention beside PyTorch's own: example.py LIBPLUMB_TORCH.so. Exit code 1 where outputs or gradients differ."""
import sys

import torch

torch.ops.load_library(sys.argv[1])

torch.manual_seed(0)
q, k, v = (torch.randn(2, 4, 48, 32, requires_grad=True) for _ in range(3))
keep = torch.rand(2, 1, 48, 48) > 0.2  # True = attend, as in scaled_dot_product_attention
keep[..., 0] = True

out, lse, report = torch.ops.plumb.attention(q, k, v, keep, protect="none")
print(dict(zip(torch.ops.plumb.report_columns(), report.tolist())))
gradients = torch.autograd.grad(out.square().sum(), (q, k, v))

expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, keep)
expected_gradients = torch.autograd.grad(expected.square().sum(), (q, k, v))
difference = max((a - b).abs().max().item() for a, b in zip((out, *gradients), (expected, *expected_gradients)))
print(f"largest difference of output and gradients {difference:.1e}")
sys.exit(difference > 1e-5)
