"""Backends that are wrong in every way there is: each ends in words, none in a crash."""

from __future__ import annotations

import json

import pytest

RUN = """
static vd_status bad_run(void *device, void *kernel, const vd_call *call, vd_err *err) {{
  if (strcmp(call->op, "matmul") != 0) return dev_run(device, kernel, call, err);
  return fail(err, {status}, "{text}");
}}
"""
FIND = """
static vd_status bad_find(void *device, const vd_call *call, vd_kernel *kernel, vd_err *err) {{
  if (strcmp(call->op, "matmul") != 0) return dev_find(device, call, kernel, err);
  return fail(err, {status}, "{text}");
}}
"""
OPEN = """
static vd_status bad_open(void *self, int32_t index, void **device, vd_err *err) {
  (void)self, (void)index, (void)device;
  return fail(err, VD_DEVICE, "the driver does not answer");
}
static vd_status no_count(void *self, int32_t *n, vd_err *err) {
  (void)self, (void)err;
  *n = 0;
  return VD_OK;
}
static vd_status bad_count(void *self, int32_t *n, vd_err *err) {
  (void)self, (void)n;
  return fail(err, VD_DEVICE, "the bus does not answer");
}
"""

# device name -> (how its table is changed, its error's class, what the text must say)
TABLES = {
    "major": (
        "t->abi_major = 2;",
        "BackendError",
        ["ABI 2.0", "ABI 1.0", "pip install -U vidya-runtime vidya-runtime-major"],
    ),
    "small": ("t->struct_size = 64;", "BackendError", ["struct_size 64"]),
    "openfails": ("t->open = bad_open;", "DeviceError", [
        "openfails:0 (vidya-runtime-openfails 1.2, abi 1.0) open: the driver does not answer"]),
    "nohardware": ("t->count = no_count;", "DeviceError", ["no hardware"]),
    "countfails": ("t->count = bad_count;", "DeviceError", ["the bus does not answer"]),
    "nullrun": ("t->run = NULL;", "BackendError", ["`run`"]),
    "nullfind": ("t->find = NULL;", "BackendError", ["`find`"]),
    "nullcount": ("t->count = NULL;", "BackendError", ["`count`"]),
    "nullalloc": ("t->alloc = NULL;", "BackendError", ["`alloc`"]),
    "nulltable": ("t = NULL;", "BackendError", ["NULL"]),
}  # fmt: skip

# device name -> (the statements of its plugin, the error's class, what the text must say)
SOURCES = {
    "raises": ("raise OSError('libchip.so.3 is missing')", ["OSError: libchip.so.3 is missing"]),
    "number": ("return 42", ["int"]),
    "nothing": ("return None", ["vidya_backend() returned None"]),
    "text": ("return 'no_such_library.so'", ["no_such_library.so"]),
    "notelf": ("return __file__", ["notelf.py"]),
    "symbolless": (
        "return __file__.replace('symbolless.py', 'libsymbolless.so')",
        ["vidya_backend_v1"],
    ),
    "misnamed": (
        """
        import ctypes
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
        globals()["name"] = ctypes.create_string_buffer(b"another.capsule.v3")
        return new(1, ctypes.addressof(name), None)
        """,
        ["another.capsule.v3", "vidya.backend.v1"],
    ),
    "objects": ("return object()", ["object"]),
}

# status of `run` -> the error's class
STATUSES = {
    "VD_UNSUPPORTED": "UnsupportedError",
    "VD_INVALID": "ValueError",
    "VD_OOM": "OutOfMemoryError",
    "VD_DEVICE": "DeviceError",
    "VD_INTERNAL": "BackendError",
    "99": "BackendError",
}

SCRIPT = """
    import json
    import vidya

    said = {{}}
    for name in {names!r}:
        try:
            x = vidya.ones(32, 64, device=name)
            x @ vidya.ones(64, 8, device=name)
            said[name] = [[], "nothing was raised"]
        except Exception as error:
            said[name] = [[c.__name__ for c in type(error).__mro__], str(error)]
        if name in {survive!r}:
            assert (x + x).sum().item() == 2 * 32 * 64
        assert (vidya.ones(2, device="numpy") + 1).sum().item() == 4
    print("SAID" + json.dumps(said))
"""


def said(site, names, survive=()):
    out = site.check(SCRIPT.format(names=list(names), survive=list(survive)))
    return json.loads(out.rpartition("SAID")[2])


@pytest.fixture(scope="module")
def table_errors(shared_site):
    for name, (edit, _, _) in TABLES.items():
        shared_site.install_cdev(name, edit=edit, code=OPEN)
    return said(shared_site, TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_wrong_table_is_refused_in_words(table_errors, name):
    _, error_class, parts = TABLES[name]
    classes, text = table_errors[name]
    assert error_class in classes and "VidyaError" in classes, (classes, text)
    assert all(part in text for part in (*parts, f"vidya-runtime-{name}")), text
    assert "\n" not in text


@pytest.fixture(scope="module")
def source_errors(shared_site):
    empty = shared_site.path / "symbolless.c"
    empty.write_text("int nothing_here;\n")
    shared_site.compile_c(empty)
    for name, (body, _) in SOURCES.items():
        lines = "\n".join("    " + line.strip() for line in body.strip().splitlines())
        code = f"from vidya import hookimpl\n\n@hookimpl\ndef vidya_backend():\n{lines}\n"
        groups = {"vidya.backends": {name: name}}
        shared_site.install(f"vidya-runtime-{name}", groups, **{name: code})
    return said(shared_site, SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_no_backend_is_refused_in_words(source_errors, name):
    classes, text = source_errors[name]
    assert "BackendError" in classes, (classes, text)
    assert all(part in text for part in (*SOURCES[name][1], f"vidya-runtime-{name}")), text
    assert "\n" not in text


@pytest.fixture(scope="module")
def status_errors(shared_site):
    names = []
    for status in STATUSES:
        for kind, code in (("run", RUN), ("find", FIND)):
            names.append(f"{kind}{status.lower()}")
            code = code.format(status=status, text="as asked")
            shared_site.install_cdev(names[-1], edit=f"t->{kind} = bad_{kind};", code=code)
    return said(shared_site, names, survive=names)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", ["run", "find"])
def test_each_status_is_its_own_error_and_names_the_call(status_errors, kind, status):
    name = f"{kind}{status.lower()}"
    classes, text = status_errors[name]
    assert STATUSES[status] in classes, (classes, text)
    if kind == "run" or status != "VD_UNSUPPORTED":
        call = "matmul(f32[32,64], f32[64,8])"
        verb = "find " if kind == "find" else ""
        where = f"{name}:0 (vidya-runtime-{name} 1.2, abi 1.0) {verb}{call}: as asked"
        assert text.startswith(where), text
    assert "matmul" in text and "as asked" in text and "\n" not in text


def test_an_index_out_of_range_is_an_index_error(site):
    code = RUN.format(status="VD_INVALID", text="index 7 is out of range for size 3")
    site.install_cdev("ranged", edit="t->run = bad_run;", code=code)
    classes, text = said(site, ["ranged"], survive=["ranged"])["ranged"]
    assert "IndexError" in classes and "index 7 is out of range for size 3" in text


def test_an_error_without_words_and_one_with_too_many(site):
    code = RUN.format(status="VD_DEVICE", text="")
    site.install_cdev("silent", edit="t->run = bad_run;", code=code)
    code = RUN.format(status="(memset(err->text, 'x', sizeof err->text), VD_DEVICE)", text="%s")
    code = code.replace("return fail(err, ", "return ").replace(', "%s");', ";")
    site.install_cdev("endless", edit="t->run = bad_run;", code=code)
    errors = said(site, ["silent", "endless"], survive=["silent", "endless"])
    assert errors["silent"][1].endswith("matmul(f32[32,64], f32[64,8]): no reason given")
    assert errors["endless"][1].endswith(": " + "x" * 1024)


def test_out_of_memory_empties_the_cache_and_tries_once_more(site):
    code = """
static vd_status tight_alloc(void *device, uint64_t bytes, vd_buffer *buffer, vd_err *err) {
  if (live_bytes + bytes > 1 << 20) return fail(err, VD_OOM, "more than a MiB");
  return dev_alloc(device, bytes, buffer, err);
}
"""
    site.install_cdev("tight", edit="t->alloc = tight_alloc;", code=code)
    site.check(
        """
        import vidya

        x = vidya.ones(150_000, device="tight")  # 600 kB
        del x  # now in the cache, where a block of another size cannot use it
        y = vidya.ones(200_000, device="tight")  # 800 kB: fits only without the cached block
        assert y.sum().item() == 200_000
        try:
            y + y
        except vidya.errors.OutOfMemoryError as error:
            text = str(error)
        assert text.startswith("tight:0 (vidya-runtime-tight 1.2, abi 1.0) alloc of 800000 bytes")
        assert "more than a MiB" in text
        del y
        assert (vidya.ones(10, device="tight") * 2).sum().item() == 20
        """
    )


def test_an_index_beyond_the_hardware(site):
    site.install_cdev("cdev")
    site.check(
        """
        import vidya

        for name in ("cdev:1", "cdev:99"):
            try:
                vidya.ones(2, device=name)
            except vidya.errors.DeviceError as error:
                text = str(error)
            assert name in text and "1 device" in text, text
        assert vidya.ones(2, device="cdev:0").sum().item() == 2
        """
    )
