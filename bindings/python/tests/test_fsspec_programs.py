"""Programs that are built on fsspec, each if it is installed."""

import gzip
import os
import pickle
import subprocess
import sys

import fsspec
import pytest


@pytest.fixture
def url(server, monkeypatch):
    monkeypatch.setenv("REMOFILE_TOKEN", "".join(server._token))
    return f"remofile://localhost:{server.port}"


@pytest.fixture
def fs(url):
    return fsspec.core.url_to_fs(url)[0]


def test_paths_of_universal_pathlib_keep_their_server(server, root):
    registry = pytest.importorskip("upath.registry")
    from upath import UPath

    from remofile.upath import RemofileUPath

    registry.register_implementation("remofile", RemofileUPath, clobber=True)
    url, token = f"remofile://localhost:{server.port}", "".join(server._token)
    path = UPath(f"{url}/d/a#b?c", token=token)
    assert str(path) == path.as_uri() == f"{url}/d/a#b?c" and path.path == "/d/a#b?c"
    assert path.storage_options == {"host": "localhost", "port": server.port, "token": token}
    assert str(path.parent) == f"{url}/d" and str(UPath(url, token=token)) == f"{url}/" and token not in repr(path)
    path = path.with_name("a#b")
    path.parent.mkdir()
    path.write_text("content")
    assert (root / "d" / "a#b").read_text() == path.read_text() == "content"
    assert list(path.parent.iterdir()) == [path] == [pickle.loads(pickle.dumps(path))]
    assert str(path.rename(path.with_name("new"))) == f"{url}/d/new"
    assert str(UPath("/x", protocol="remofile", host="h", port=1, token=token) / "y") == "remofile://h:1/x/y"


def test_universal_pathlib_reads_urls_though_nothing_was_imported(server, root):
    pytest.importorskip("upath")
    code = (
        "import sys, upath.registry as registry\n"
        "registry.register_implementation('remofile', 'remofile.upath.RemofileUPath', clobber=True)\n"
        "from upath import UPath\n"
        "print(UPath(sys.argv[1]).path)\n"
    )
    given = [sys.executable, "-W", "ignore", "-c", code, "remofile://localhost:1/a/b"]
    assert subprocess.run(given, capture_output=True, text=True, check=True).stdout == "/a/b\n"


def test_smart_open_opens_urls(server, root):
    smart_open = pytest.importorskip("smart_open")
    import remofile.smart_open

    assert remofile.smart_open.SCHEME == "remofile"
    url, options = f"remofile://localhost:{server.port}", {"token": "".join(server._token)}
    with smart_open.open(f"{url}/d/a#b.txt.gz", "w", transport_params=options) as file:
        file.write("one\ntwo\n")
    assert gzip.decompress((root / "d" / "a#b.txt.gz").read_bytes()) == b"one\ntwo\n"
    with smart_open.open(f"{url}/d/a#b.txt.gz", transport_params=options) as file:
        assert file.readlines() == ["one\n", "two\n"]
    with pytest.raises(ZeroDivisionError):
        with smart_open.open(f"{url}/d/half", "wb", transport_params=options) as file:
            file.write(b"half")
            1 / 0
    assert os.listdir(root / "d") == ["a#b.txt.gz"]


def test_pandas_writes_and_reads_urls(url):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": range(100), "b": "text"})
    table.to_csv(f"{url}/new/table.csv.gz", index=False)
    assert pandas.read_csv(f"{url}/new/table.csv.gz").equals(table)
    pytest.importorskip("pyarrow")
    table.to_parquet(f"{url}/new/table.parquet")
    assert pandas.read_parquet(f"{url}/new/table.parquet", columns=["a"])["a"].sum() == 4950


def test_polars_reads_and_writes_open_files(url, fs):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": range(100)})
    with fs.open("/new/table.parquet", "wb") as file:
        table.write_parquet(file)
    with fs.open("/new/table.parquet") as file:
        assert polars.read_parquet(file).equals(table)
    with fs.open("/new/table.parquet") as file:
        assert polars.scan_parquet(file).filter(polars.col("a") < 10).collect().height == 10
    with fs.open("/new/table.csv", "wb") as file:
        table.lazy().sink_csv(file)
    assert polars.read_csv(fs.open("/new/table.csv")).equals(table)
    with fs.open("/other/table.parquet", "wb") as file:
        table.lazy().sink_parquet(file)
    assert polars.scan_parquet([fs.open("/other/table.parquet") for _ in range(2)]).collect().height == 200
    fs.rm("/new/table.csv")
    dataset = pytest.importorskip("pyarrow.dataset")
    lazy = polars.scan_pyarrow_dataset(dataset.dataset("/new", filesystem=fs))
    assert lazy.filter(polars.col("a") < 10).collect().height == 10
    assert polars.read_parquet(f"{url}/new/table.parquet", use_pyarrow=True).equals(table)


def test_pyarrow_has_datasets(fs):
    pyarrow = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    table = pyarrow.table({"a": range(1000), "part": [number % 5 for number in range(1000)]})
    dataset.write_dataset(table, "/new/set", filesystem=fs, format="parquet", partitioning=["part"])
    found = dataset.dataset("/new/set", filesystem=fs, partitioning=["part"])
    assert found.count_rows() == 1000
    assert found.to_table(filter=dataset.field("part") == 3, columns=["a"]).num_rows == 200


def test_dask_writes_on_several_threads(url):
    pytest.importorskip("pyarrow")
    dask = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    table = dask.from_pandas(pandas.DataFrame({"a": range(1000)}), npartitions=20)
    table.to_parquet(f"{url}/set", compute_kwargs={"scheduler": "threads", "num_workers": 8})
    assert dask.read_parquet(f"{url}/set")["a"].sum().compute(scheduler="threads") == 499500


def test_zarr_stores_arrays(url):
    zarr = pytest.importorskip("zarr", minversion="3")
    array = zarr.create_array(f"{url}/array.zarr", shape=(20, 20), chunks=(5, 5), dtype="f4")
    array[:] = 2
    assert zarr.open_array(f"{url}/array.zarr", mode="r")[:].sum() == 800


def test_hdf5_files_are_written_and_read(fs):
    h5py = pytest.importorskip("h5py")
    with fs.open("/file.h5", "w+b") as file, h5py.File(file, "w") as content:
        content["a"] = range(1000)
    with fs.open("/file.h5") as file, h5py.File(file) as content:
        assert content["a"][:].sum() == 499500


def test_mappings_and_directories_of_fsspec(url, fs):
    mapping = fs.get_mapper("/map")
    mapping.update({"a": b"1", "b/c": b"2"})
    del mapping["a"]
    assert dict(mapping) == {"b/c": b"2"} and mapping["b/c"] == b"2"
    inner = fsspec.filesystem("dir", path="/map", fs=fs)
    assert inner.find("/") == ["b/c"] and inner.cat("/b/c") == b"2"
    assert [file.path for file in fsspec.open_files(f"{url}/map/b/*")] == ["/map/b/c"]
