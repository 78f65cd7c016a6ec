"""Libraries that work on any array of the standard take ours: SciPy and scikit-learn."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCIPY = """
import numpy as np, vidya
import scipy.fft, scipy.signal, scipy.special, scipy.stats
rng = np.random.default_rng(0)
a, x = rng.normal(size=(20, 3)), rng.normal(size=64)
calls = [
    lambda put: scipy.stats.zscore(put(a)),
    lambda put: scipy.stats.skewtest(put(a)).pvalue,
    lambda put: scipy.stats.ttest_ind(put(a[:, 0]), put(a[:, 1])).pvalue,
    lambda put: scipy.special.logsumexp(put(a), axis=0),
    lambda put: scipy.special.expit(put(a)),
    lambda put: scipy.fft.rfft(put(x)),
    lambda put: scipy.signal.hilbert(put(x)),
    lambda put: scipy.signal.fftconvolve(put(x), put(x[:9])),
]
for call in calls:
    got, want = call(vidya.tensor), call(np.asarray)
    assert isinstance(got, vidya.Tensor), type(got)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-9, atol=1e-12)
print("all", len(calls))
"""
LEARN = """
import numpy as np, vidya, sklearn
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import MinMaxScaler, StandardScaler
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5))
y = (X[:, 0] > 0).astype(np.int64)
calls = [
    lambda put: LinearDiscriminantAnalysis().fit(put(X), put(y)).transform(put(X)),
    lambda put: PCA(2, svd_solver="full").fit(put(X)).explained_variance_,
    lambda put: StandardScaler().fit_transform(put(X)),
    lambda put: MinMaxScaler().fit_transform(put(X)),
    lambda put: Ridge(solver="svd").fit(put(X), put(X[:, 1])).coef_,
]
for call in calls:
    want = call(np.asarray)
    with sklearn.config_context(array_api_dispatch=True):
        got = call(vidya.tensor)
    assert isinstance(got, vidya.Tensor), type(got)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-7, atol=1e-9)
print("all", len(calls))
"""


@pytest.mark.parametrize(("library", "script"), [("scipy", SCIPY), ("sklearn", LEARN)])
def test_a_library_takes_our_tensors(library, script):
    pytest.importorskip(library)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("all")
