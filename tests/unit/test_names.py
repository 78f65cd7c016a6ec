"""Every name of the op library is where PyTorch has it."""

from __future__ import annotations

import math

import pytest
import vidya


def _names(text):
    return set(text.split())


# family -> names; one that is in neither of the sets below is a function of `vidya` and a method
FAMILIES = {
    "pointwise": (
        "abs neg sign sqrt rsqrt square exp exp2 expm1 log log2 log10 log1p sin cos tan asin "
        "acos atan atan2 sinh cosh tanh asinh acosh atanh floor ceil round trunc frac "
        "logical_not sigmoid relu reciprocal erf erfc i0 sinc clamp conj real imag angle add "
        "sub mul div pow fmod remainder floor_divide eq ne lt le gt ge maximum minimum isnan "
        "isinf isfinite where logit logical_and logical_or logical_xor masked_fill "
        "masked_select"
    ),
    "activation": (
        "gelu silu elu leaky_relu hardtanh logsigmoid selu dropout softmax log_softmax "
        "softmin prelu rrelu relu6 softplus softsign hardsigmoid hardswish mish celu"
    ),
    "reduction": (
        "sum nansum mean nanmean prod max min argmax argmin all any var std norm logsumexp "
        "median mode kthvalue"
    ),
    "scan and order": "cumsum cumprod cummax cummin sort argsort topk unique unique_consecutive",
    "matrix parts": "triu tril diagonal diag trace",
    "shape": (
        "reshape view permute transpose unsqueeze squeeze flatten expand select as_strided "
        "cat stack repeat_interleave diff flip fliplr flipud split chunk unbind repeat tile "
        "rot90 roll"
    ),
    "index": "index_select scatter scatter_add scatter_reduce gather embedding",
    "products": "matmul mm bmm mv dot outer addmm addmv baddbmm linear",
    "norms": "batch_norm group_norm layer_norm rms_norm instance_norm normalize",
    "attention": "scaled_dot_product_attention",
    "conv and pool": (
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d max_pool1d "
        "max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d pad"
    ),
    "creation": (
        "zeros ones empty full zeros_like ones_like empty_like full_like rand_like randn_like "
        "randint_like arange linspace rand randn randint eye multinomial hann_window "
        "hamming_window blackman_window bartlett_window kaiser_window"
    ),
    "signal": "stft istft",
    "storage": "contiguous clone to copy_ fill_ zero_ detach type",
    "linear algebra": "svd qr cholesky",
}
# not directly in `vidya`
NO_FUNCTION = _names(
    """
    gelu silu elu leaky_relu hardtanh logsigmoid softmin relu6 softplus softsign hardsigmoid
    hardswish mish view expand repeat linear normalize scaled_dot_product_attention avg_pool2d
    avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d
    pad contiguous to copy_ type
    """
)
# not methods of a tensor
NO_METHOD = _names(
    """
    gelu silu elu leaky_relu hardtanh logsigmoid selu dropout softmin rrelu relu6 softplus
    softsign hardsigmoid hardswish mish celu cat stack embedding linear batch_norm group_norm
    layer_norm rms_norm instance_norm normalize scaled_dot_product_attention conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d conv_transpose3d max_pool1d max_pool2d max_pool3d
    avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d pad zeros ones empty full
    zeros_like ones_like empty_like full_like rand_like randn_like randint_like arange linspace
    rand randn randint eye hann_window hamming_window blackman_window bartlett_window
    kaiser_window
    """
)
# in vidya.nn.functional
FUNCTIONAL = _names(
    """
    tanh sigmoid relu gelu silu elu leaky_relu hardtanh logsigmoid selu dropout softmax
    log_softmax softmin prelu rrelu relu6 softplus softsign hardsigmoid hardswish mish celu
    embedding linear batch_norm group_norm layer_norm rms_norm instance_norm normalize
    scaled_dot_product_attention conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d pad
    """
)
ELSEWHERE = {
    "fft": (
        "fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn hfft ihfft fftshift "
        "ifftshift fftfreq rfftfreq"
    ),
    "linalg": "svd qr cholesky solve norm inv det lstsq eigh",
    "nn": (
        "Module Parameter Sequential ModuleList ModuleDict Linear Embedding LayerNorm RMSNorm ReLU "
        "GELU SiLU LeakyReLU PReLU Softmax LogSoftmax Sigmoid Tanh Softplus Mish "
        "MultiheadAttention Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d "
        "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d"
    ),
}
NAMES = [name for names in FAMILIES.values() for name in names.split()]


def places(library, name):
    """Where this library has the name: it must be callable there."""
    spaces = {
        "function": library,
        "method": library.Tensor,
        "functional": library.nn.functional,
    }
    found = {where for where, space in spaces.items() if callable(getattr(space, name, None))}
    if name in ("real", "imag"):  # attributes of a tensor
        found.add("method")
    return found


def wanted(name):
    said = {"function": name not in NO_FUNCTION, "method": name not in NO_METHOD}
    said["functional"] = name in FUNCTIONAL
    return {where for where, is_there in said.items() if is_there}


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name):
    assert wanted(name), f"{name} is said to be nowhere"
    assert wanted(name) <= places(vidya, name)


@pytest.mark.parametrize("space", ELSEWHERE)
def test_names_of_other_spaces(space):
    for name in ELSEWHERE[space].split():
        assert callable(getattr(getattr(vidya, space), name)), name


def test_no_name_twice():
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES) >= NO_FUNCTION | NO_METHOD | FUNCTIONAL


@pytest.mark.parametrize("name", NAMES)
def test_the_sets_above_are_what_pytorch_has(name):
    assert wanted(name) == places(pytest.importorskip("torch"), name)


def test_constants_and_other_names_of_dtypes():
    assert (vidya.float, vidya.int, vidya.short) == (vidya.float32, vidya.int32, vidya.int16)
    assert (vidya.cfloat, vidya.cdouble) == (vidya.complex64, vidya.complex128)
    assert (vidya.pi, vidya.e, vidya.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(vidya.nan) and vidya.ones(2)[vidya.newaxis].shape == (1, 2)
