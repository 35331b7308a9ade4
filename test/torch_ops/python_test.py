#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""torch.ops.plumb from Python: loaded, traced, compiled and differentiated; and the example.

    python_test.py PYTHON LIBPLUMB_TORCH.so EXAMPLE.py

Runs itself again in PYTHON, the interpreter that the LibTorch in use belongs to. Says "skipped: import torch ..." with the reason where that
has no torch that can be imported.
"""
import os
import subprocess
import sys
import unittest


def run_where_torch_is(python, library, example):
    asked = subprocess.run([python, "-W", "ignore", "-c", "import torch"], capture_output=True, text=True, check=False) if os.path.exists(python) else None
    if asked is None or asked.returncode != 0:
        reason = asked.stderr.strip().splitlines()[-1] if asked else "there is no such program"
        print(f"skipped: import torch fails in {python}: {reason} (deps/setup torch-python)")
        return 0
    return subprocess.run([python, "-W", "ignore", __file__, library, example], check=False).returncode


if len(sys.argv) == 4:
    sys.exit(run_where_torch_is(*sys.argv[1:]))

import torch  # noqa: E402  Only where it can be imported.

LIBRARY, EXAMPLE = sys.argv[1:3]
torch.ops.load_library(LIBRARY)


def tensors(requires_grad=True, keys=23):
    torch.manual_seed(53)
    shapes = ((2, 4, 19, 16), (2, 2, keys, 16), (2, 2, keys, 24))
    return [torch.randn(shape, requires_grad=requires_grad) for shape in shapes]


def some_mask(*shape):
    torch.manual_seed(54)
    mask = torch.rand(shape) > 0.3
    mask[..., 0] = True
    return mask


class Operator(unittest.TestCase):
    def test_passes_pytorchs_own_check_of_operators(self):
        # Their shapes take the ways that kernels differ by: none, shared by heads, differing between heads, numbers.
        for mask, causal in ((None, True), (some_mask(2, 1, 19, 23), False), (some_mask(4, 19, 23), True), (torch.randn(19, 23), False)):
            torch.library.opcheck(torch.ops.plumb.attention.default, (*tensors(), mask, causal))

    def test_is_sdpa(self):
        q, k, v = tensors()
        mask = some_mask(2, 1, 19, 23)
        out, lse, report = torch.ops.plumb.attention(q, k, v, mask)
        expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
        got = torch.autograd.grad(out.square().sum(), (q, k, v))
        torch.testing.assert_close(got, torch.autograd.grad(expected.square().sum(), (q, k, v)), atol=1e-4, rtol=1e-4)
        self.assertEqual(len(report), len(torch.ops.plumb.report_columns()))
        self.assertEqual(lse.shape, (2, 4, 19))

    def test_can_be_compiled_with_gradients_for_changing_sizes(self):
        def loss(q, k, v):
            return torch.ops.plumb.attention(q, k, v, None, True)[0].square().sum()

        # Traced and differentiated ahead of time; no C++ compiler is asked for.
        compiled = torch.compile(loss, backend="aot_eager", fullgraph=True, dynamic=True)
        for keys in (19, 23, 31):
            arguments = tensors(keys=keys)
            self.assertEqual(compiled(*arguments).item(), loss(*arguments).item())
            torch.testing.assert_close(torch.autograd.grad(compiled(*arguments), arguments), torch.autograd.grad(loss(*arguments), arguments))

    def test_errors_are_pythons(self):
        q, k, v = tensors(requires_grad=False)
        with self.assertRaisesRegex(ValueError, r"mask has shape \[2, 19, 23\]"):
            torch.ops.plumb.attention(q, k, v, some_mask(2, 19, 23))
        with self.assertRaisesRegex(TypeError, "k is Double"):
            torch.ops.plumb.attention(q, k.double(), v)
        with self.assertRaisesRegex(NotImplementedError, "gradient"):
            torch.ops.plumb.attention(q, k, v, torch.zeros(19, 23, requires_grad=True))

    def test_example_runs(self):
        ran = subprocess.run([sys.executable, "-W", "ignore", EXAMPLE, LIBRARY], capture_output=True, text=True, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("largest difference", ran.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
