"""Compiled programs on disk: what the next process finds, and what it does with what it cannot use."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading

import pytest

import sklearn_binnet
from sklearn_binnet._training import _compile_cache
from sklearn_binnet._training._compile_cache import VARIABLE, CompileCache, set_compile_cache

TRAIN = """
import json, sys
import numpy as np
from sklearn_binnet import BinaryNetClassifier
X = np.random.default_rng(0).normal(size=(80, 3))
y = (X[:, 0] > 0).astype(int)
losses = {}
for units in sys.argv[1:]:
    clf = BinaryNetClassifier(hidden_layer_sizes=(int(units),), n_estimators=1, random_state=0).fit(X, y)
    losses[units] = clf.history_["val_loss"]
from sklearn_binnet._training import _compile_cache
print(json.dumps([_compile_cache.active().counts, losses]))
"""


def train(folder, *units):
    """Return hits, misses and losses of a new process that trains networks with that many units."""
    env = os.environ | {VARIABLE: str(folder)}
    done = subprocess.run([sys.executable, "-c", TRAIN, *units], env=env, check=True, capture_output=True, text=True)
    counts, losses = json.loads(done.stdout.splitlines()[-1])
    return counts.get("hits", 0), counts.get("misses", 0), losses


def stored(folder):
    return sorted(folder.glob("tensorflow-*/*/*"))


@pytest.mark.fault("a broken file in the compile cache", "deleted, and compiled again")
@pytest.mark.slow
def test_a_second_process_finds_the_programs_of_the_first(tmp_path):
    """Whatever it compiled before; a broken file costs a compilation, whether we or TensorFlow find it broken."""
    hits, misses, first = train(tmp_path, "2", "3", "4")
    assert (hits, misses) == (0, 3)
    files = sorted(stored(tmp_path), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) == 3
    assert list((tmp_path / "running").iterdir()) == []
    content = files[1].read_bytes()
    files[1].write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    nonsense = content[32 : len(content) // 2]
    files[2].write_bytes(hashlib.sha256(nonsense).digest() + nonsense)
    hits, misses, second = train(tmp_path, "5", "2", "3", "4")
    assert (hits, misses) == (1, 3)
    assert {units: second[units] for units in first} == first
    assert files[2] not in stored(tmp_path)
    assert len(stored(tmp_path)) == 3
    for path in stored(tmp_path):
        content = path.read_bytes()
        assert hashlib.sha256(content[32:]).digest() == content[:32]


@pytest.fixture
def no_tensorflow(monkeypatch):
    """A process in which TensorFlow was not imported and nothing was set, for as long as the test runs."""
    for name in ("TF_XLA_FLAGS", VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_compile_cache, "_active", None)
    hidden = sys.modules.pop("tensorflow", None)
    yield
    set_compile_cache(None)
    if hidden is not None:
        sys.modules["tensorflow"] = hidden


def test_set_before_tensorflow(tmp_path, no_tensorflow, monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=0")
    sklearn_binnet.set_compile_cache(tmp_path / "cache")
    cache = _compile_cache.active()
    assert os.environ[VARIABLE] == str(tmp_path / "cache")
    directory = f"--tf_xla_persistent_cache_directory={cache.run_folder}"
    assert os.environ["TF_XLA_FLAGS"].split() == ["--tf_xla_auto_jit=0", directory]
    set_compile_cache(tmp_path / "other")
    assert not cache.run_folder.exists()
    assert str(tmp_path / "other") in os.environ["TF_XLA_FLAGS"]
    set_compile_cache(None)
    assert _compile_cache.active() is None
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_auto_jit=0"
    assert VARIABLE not in os.environ


def test_workers_take_the_folder_and_not_the_place_of_their_parent(tmp_path, no_tensorflow, monkeypatch):
    parent = CompileCache(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={parent.run_folder}")
    _compile_cache.follow_environment()
    worker = _compile_cache.active()
    assert worker.folder == parent.folder
    assert os.environ["TF_XLA_FLAGS"] == f"--tf_xla_persistent_cache_directory={worker.run_folder}"
    assert worker.run_folder != parent.run_folder
    parent.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_gets_a_place_of_its_own(tmp_path):
    script = f"""
import os, sys
import sklearn_binnet
from sklearn_binnet._training import _compile_cache
sklearn_binnet.set_compile_cache({str(tmp_path)!r})
place = _compile_cache.active().run_folder
if (child := os.fork()) == 0:
    own = _compile_cache.active().run_folder
    fine = own != place and own.is_dir() and str(own) in os.environ["TF_XLA_FLAGS"]
    _compile_cache.active().close()
    os._exit(0 if fine else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert place.is_dir()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_worker_without_a_place_of_its_own_does_not_write_into_its_parents(tmp_path, no_tensorflow, monkeypatch):
    parent = CompileCache(tmp_path / "cache")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    (tmp_path / "file").write_bytes(b"")
    for other in ([], ["--tf_xla_auto_jit=0"]):
        flags = [*other, f"--tf_xla_persistent_cache_directory={parent.run_folder}"]
        monkeypatch.setenv("TF_XLA_FLAGS", " ".join(flags))
        with pytest.warns(RuntimeWarning, match="compiled programs are not kept"):
            _compile_cache.follow_environment()
        assert os.environ.get("TF_XLA_FLAGS", "").split() == other
    parent.close()


def test_a_forked_process_without_a_place_of_its_own_does_not_write_into_its_parents(
    tmp_path, no_tensorflow, monkeypatch
):
    set_compile_cache(tmp_path / "cache")
    parent = _compile_cache.active()
    monkeypatch.setattr(parent, "folder", tmp_path / "file")
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(RuntimeWarning, match="not kept in this process"):
        _compile_cache._after_fork()
    assert _compile_cache.active() is None
    assert "TF_XLA_FLAGS" not in os.environ
    parent.close()


@pytest.mark.parametrize("error", [RuntimeError("no home"), FileNotFoundError("no working directory")])
def test_a_folder_that_cannot_be_found(error, no_tensorflow, monkeypatch):
    class Lost(type(_compile_cache.Path())):
        def expanduser(self):
            raise error

    monkeypatch.setattr(_compile_cache, "Path", Lost)
    with pytest.raises(ValueError, match=r"but '~/cache' can't be \(no .*Give the whole path"):
        set_compile_cache("~/cache")
    monkeypatch.setenv(VARIABLE, "~/cache")
    with pytest.warns(RuntimeWarning, match="compiled programs are not kept"):
        _compile_cache.follow_environment()


def test_after_tensorflow_it_is_too_late(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    with pytest.raises(RuntimeError, match="before TensorFlow is imported"):
        set_compile_cache(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(_compile_cache, "_active", None)
    with pytest.warns(RuntimeWarning, match="Import sklearn_binnet first"):
        _compile_cache.follow_environment()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("a folder for the compile cache that can't be written to", "`ValueError`; at import a warning")
@pytest.mark.parametrize("place", ["file", "below a file"])
def test_a_folder_that_cannot_be_used(place, tmp_path, no_tensorflow, monkeypatch):
    """Nobody can write below a file, whatever the rights."""
    (tmp_path / "file").write_bytes(b"")
    folder = tmp_path / "file" if place == "file" else tmp_path / "file" / "cache"
    with pytest.raises(ValueError, match="the compile cache needs a folder that can be made and written to"):
        set_compile_cache(folder)
    monkeypatch.setenv(VARIABLE, str(folder))
    with pytest.warns(RuntimeWarning, match=f"{VARIABLE} is set, but compiled programs are not kept"):
        _compile_cache.follow_environment()
    assert _compile_cache.active() is None
    assert "TF_XLA_FLAGS" not in os.environ


def test_another_cache_is_not_thrown_out(tmp_path, no_tensorflow, monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/elsewhere")
    with pytest.raises(ValueError, match="TF_XLA_FLAGS already names a cache, '/elsewhere'"):
        set_compile_cache(tmp_path)
    assert _compile_cache.active() is None
    monkeypatch.delenv("TF_XLA_FLAGS")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_files_belong_to_the_user_alone(tmp_path, no_tensorflow):
    cache = CompileCache(tmp_path)
    write(cache, "a.pb", b"program")
    cache._publish("digest", "a.pb")
    for path in (cache._store, cache.run_folder.parent, cache.run_folder, cache._store / "digest"):
        assert path.stat().st_mode & 0o777 == 0o700
    assert stored(tmp_path)[0].stat().st_mode & 0o777 == 0o600
    cache.close()
    cache._store.chmod(0o750)
    with pytest.raises(ValueError, match="nobody else can open"):
        set_compile_cache(tmp_path)


def write(cache, name, content):
    (cache.run_folder / name).write_bytes(content)


def test_what_was_not_used_for_longest_makes_room(tmp_path):
    cache = CompileCache(tmp_path, limit=350)
    for age, name in enumerate(("a.pb", "b.pb", "c.pb")):
        write(cache, name, bytes(68))
        cache._publish(name, name)
        os.utime(cache._store / name / name, (1e9 + age, 1e9 + age))
    (cache.run_folder / "a.pb").unlink()
    assert cache._restore("a.pb") == ["a.pb"]  # used again
    write(cache, "d.pb", bytes(68))
    cache._publish("d.pb", "d.pb")
    cache._clear_up()
    assert [path.name for path in stored(tmp_path)] == ["a.pb", "c.pb", "d.pb"]
    assert not (cache._store / "b.pb").exists()
    cache.close()


@pytest.mark.fault("many processes write the compile cache at a time", "each reads whole files or none")
def test_many_writers_of_one_file(tmp_path):
    """Every reader finds a whole file or none."""
    writers = [CompileCache(tmp_path) for _ in range(4)]
    readers = [CompileCache(tmp_path) for _ in range(2)]
    wrong = []

    def publish(i):
        for k in range(20):
            write(writers[i], "a.pb", bytes([i]) * (1000 + 100 * k))
            writers[i]._publish("program", "a.pb")

    def read(cache):
        for _ in range(100):
            cache._restore("program")
            path = cache.run_folder / "a.pb"
            if path.exists():
                content = path.read_bytes()
                if len(set(content)) != 1 or len(content) < 1000:
                    wrong.append(content)
                path.unlink()

    threads = [threading.Thread(target=publish, args=(i,)) for i in range(4)]
    threads += [threading.Thread(target=read, args=(cache,)) for cache in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(stored(tmp_path)) == 1
    for cache in writers + readers:
        cache.close()


def test_an_error_of_the_training_stays_an_error(tmp_path):
    cache = CompileCache(tmp_path)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.first_call("key", fail)
    assert not cache.counts
    cache.close()


def with_a_stored_program(tmp_path):
    """Return a cache that holds a sound program under "key", and the path of the stored file."""
    cache = CompileCache(tmp_path)
    digest = hashlib.sha256(repr("key").encode()).hexdigest()[:24]
    write(cache, "a.pb", bytes(68))
    cache._publish(digest, "a.pb")
    (cache.run_folder / "a.pb").unlink()
    return cache, cache._store / digest / "a.pb"


@pytest.mark.parametrize("room", ["none", "for small files"])
def test_a_full_disk_costs_no_stored_programs(room, tmp_path, monkeypatch):
    import tensorflow as tf

    cache, path = with_a_stored_program(tmp_path)
    if room == "none":
        monkeypatch.setattr(_compile_cache, "bytes", lambda _: no_space(), raising=False)

    def fail():
        assert (cache.run_folder / "a.pb").exists()
        raise tf.errors.ResourceExhaustedError(None, None, f"a.pb; {os.strerror(errno.ENOSPC)}")

    with pytest.warns(RuntimeWarning, match="The compile cache can't be written to"):
        assert cache.first_call("key", fail, lambda: "without") == "without"
    assert path.exists()
    assert not (cache.run_folder / "a.pb").exists()
    cache.close()


def no_space():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_copy_that_was_cut_short_is_deleted(tmp_path, monkeypatch):
    cache, path = with_a_stored_program(tmp_path)
    usual = _compile_cache.Path.write_bytes

    def cut(self, content):
        usual(self, content[:10])
        no_space()

    monkeypatch.setattr(_compile_cache.Path, "write_bytes", cut)
    assert cache._restore(path.parent.name) == []
    assert not (cache.run_folder / "a.pb").exists()
    assert path.exists()
    cache.close()


def test_names_are_those_of_other_threads_again():
    from tensorflow.python.ops import control_flow_util_v2

    usual = control_flow_util_v2.unique_fn_name
    elsewhere = []
    with _compile_cache.function_names(lambda: "mine"):
        assert control_flow_util_v2.unique_fn_name("", "body") == "body_mine"
        thread = threading.Thread(target=lambda: elsewhere.append(control_flow_util_v2.unique_fn_name("", "body")))
        thread.start()
        thread.join()
    assert elsewhere[0] not in ("body_mine", "")
    assert control_flow_util_v2.unique_fn_name is usual
