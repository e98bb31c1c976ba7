"""Landing, locks and manifests, with everything that can go wrong made to go wrong."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotiw_cli import artefact
from emotiw_cli.artefact import (
    check_fresh,
    exclusive,
    folder_of,
    landing,
    landing_file,
    make_folder,
    open_artefact,
    read_json,
    reference,
    sha256,
    stale_inputs,
    write_json,
    write_manifest,
)
from emotiw_cli.errors import ArtefactError, BusyError, InputError, OutputError


def make(
    work: Path, kind: str, name: str, *inputs: artefact.Artefact, content: str = ""
) -> artefact.Artefact:
    folder = make_folder(work / kind / name)
    (folder / "content").write_text(content or name)
    return write_manifest(
        folder,
        kind,
        parameters={"size": [1, 2]},
        inputs=[reference(one) for one in inputs],
        outputs=["content"],
        seed=3,
        licences=["free"],
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestLanding:
    def test_a_file_lands_whole(self, tmp_path: Path) -> None:
        with landing_file(tmp_path / "a") as file:
            file.write(b"whole")
            assert not (tmp_path / "a").exists()
        assert (tmp_path / "a").read_bytes() == b"whole"
        assert names(tmp_path) == ["a"]

    def test_an_error_leaves_what_was_there_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"before")

        def write() -> None:
            with landing_file(tmp_path / "a") as file:
                file.write(b"half")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            write()
        assert (tmp_path / "a").read_bytes() == b"before"
        assert names(tmp_path) == ["a"]

    def test_text_keeps_its_line_ends_and_is_utf_8(self, tmp_path: Path) -> None:
        with landing_file(tmp_path / "a", "w") as file:
            file.write("é\r\n\n")
        assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\r\n\n"

    def test_a_writer_may_open_the_path_itself(self, tmp_path: Path) -> None:
        with landing(tmp_path / "a") as temporary:
            temporary.write_bytes(b"own")
            assert temporary.parent == tmp_path
        assert (tmp_path / "a").read_bytes() == b"own"

    def test_a_missing_folder_is_an_output_error_with_a_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="the folder does not exist; make it first"):
            write_json(tmp_path / "none" / "a", {})

    def test_a_name_too_long_is_an_output_error(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="the name is too long; choose a shorter one"):
            write_json(tmp_path / ("a" * 255), {})

    def test_a_file_in_the_way_is_an_output_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="a file stands where a folder is needed"):
            make_folder(tmp_path / "file" / "folder")

    def test_a_folder_in_the_way_is_an_output_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(OutputError, match="a folder stands where the file should go"):
            write_json(tmp_path / "a", {})
        assert names(tmp_path) == ["a"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; it takes rights that not every test run has."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class TestDisks:
    def test_a_full_disk_is_an_output_error_and_leaves_the_old_file(self, small_disk: Path) -> None:
        write_json(small_disk / "a", "before")
        with pytest.raises(OutputError, match="the disk is full; free some space"):
            write_json(small_disk / "a", "x" * 100_000)
        assert read_json(small_disk / "a") == "before"
        assert names(small_disk) == ["a"]

    def test_a_read_only_disk_is_an_output_error(self, small_disk: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with pytest.raises(OutputError, match="the folder is read-only; choose another place"):
            write_json(small_disk / "a", 1)
        with pytest.raises(OutputError, match="read-only"), exclusive(small_disk / "b"):
            pass


class TestJson:
    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        write_json(tmp_path / "a", {"é": [1, None]})
        assert read_json(tmp_path / "a") == {"é": [1, None]}
        assert (tmp_path / "a").read_text(encoding="utf-8") == (
            '{\n  "é": [\n    1,\n    null\n  ]\n}\n'
        )

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ArtefactError, match="a is missing"):
            read_json(tmp_path / "a")

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
    def test_a_damaged_file_is_named(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ArtefactError, match="a is damaged"):
            read_json(tmp_path / "a")


HOLD = (
    "import sys, time; from pathlib import Path; from emotiw_cli.artefact import exclusive\n"
    "with exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


class TestExclusive:
    def test_another_process_is_busy_and_named_until_it_is_killed(self, tmp_path: Path) -> None:
        folder = tmp_path / "faces" / "a"
        command = [sys.executable, "-c", HOLD, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            with (
                pytest.raises(BusyError, match=f"being written by process {holder.pid} on"),
                exclusive(folder),
            ):
                pass
            holder.send_signal(signal.SIGKILL)
        with exclusive(folder):
            pass

    def test_a_lock_is_let_go_after_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
            raise ZeroDivisionError
        with exclusive(tmp_path):
            pass

    def test_locks_of_different_shares_do_not_meet(self, tmp_path: Path) -> None:
        with exclusive(tmp_path, ".lock-1-of-2"), exclusive(tmp_path, ".lock-2-of-2"):
            pass

    def test_the_same_folder_twice_is_busy(self, tmp_path: Path) -> None:
        with exclusive(tmp_path), pytest.raises(BusyError), exclusive(tmp_path):
            pass


class TestManifest:
    def test_it_records_what_was_made_of_what(self, tmp_path: Path) -> None:
        faces = make(tmp_path, "faces", "a")
        codes = make(tmp_path, "codes", "a-r1", faces)
        manifest = read_json(codes.folder / "manifest.json")
        digest = hashlib.sha256(b"a-r1").hexdigest()
        assert manifest["outputs"] == {"content": digest}
        assert manifest["inputs"] == [{"kind": "faces", "name": "a", "digest": faces.digest}]
        expected = hashlib.sha256(json.dumps({"content": digest}).encode()).hexdigest()
        assert manifest["digest"] == codes.digest == expected
        assert (manifest["seed"], manifest["licences"]) == (3, ["free"])
        assert manifest["versions"]["python"] == sys.version.split()[0]

    def test_equal_content_has_an_equal_digest(self, tmp_path: Path) -> None:
        one = make(tmp_path, "faces", "a", content="same")
        two = make(tmp_path, "faces", "b", content="same")
        assert one.digest == two.digest != make(tmp_path, "faces", "c", content="other").digest

    def test_sha256_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "abc").write_bytes(b"abc")
        assert sha256(tmp_path / "abc") == (
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )


class TestOpening:
    def test_a_finished_artefact_opens(self, tmp_path: Path) -> None:
        made = make(tmp_path, "faces", "a")
        opened = open_artefact(tmp_path, "faces", "a")
        assert (opened.name, opened.kind, opened.digest) == ("a", "faces", made.digest)

    def test_a_missing_one_is_refused_with_those_there_are_and_the_stage(
        self, tmp_path: Path
    ) -> None:
        make(tmp_path, "faces", "b")
        make(tmp_path, "faces", "a")
        make_folder(tmp_path / "faces" / "half")
        with pytest.raises(
            ArtefactError,
            match=r"faces/c does not exist \(there are: a, b\); .*emotiw align SOURCE --name c",
        ):
            open_artefact(tmp_path, "faces", "c")

    def test_a_half_written_one_is_refused(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "models" / "half")
        with pytest.raises(ArtefactError, match="models/half is half-written; finish it with"):
            open_artefact(tmp_path, "models", "half")

    def test_one_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        made = make(tmp_path, "faces", "a")
        make_folder(tmp_path / "codes")
        made.folder.rename(tmp_path / "codes" / "a")
        with pytest.raises(ArtefactError, match="codes/a is not a codes artefact"):
            open_artefact(tmp_path, "codes", "a")

    def test_one_of_another_schema_is_refused(self, tmp_path: Path) -> None:
        made = make(tmp_path, "faces", "a")
        write_json(made.folder / "manifest.json", {**made.manifest, "schema": 2})
        with pytest.raises(ArtefactError, match="has schema 2, this emotiw reads 1"):
            open_artefact(tmp_path, "faces", "a")

    def test_a_damaged_manifest_is_refused(self, tmp_path: Path) -> None:
        made = make(tmp_path, "faces", "a")
        (made.folder / "manifest.json").write_text('{"schema": 1')
        with pytest.raises(ArtefactError, match=r"manifest\.json is damaged"):
            open_artefact(tmp_path, "faces", "a")

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", ".hidden"])
    def test_a_name_that_leads_elsewhere_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(InputError, match="is not a usable name"):
            folder_of(tmp_path, "faces", name)

    @pytest.mark.parametrize("name", ["a", "fer-plus_2", "Zoë", "a b", "x.y"])
    def test_any_other_name_will_do(self, tmp_path: Path, name: str) -> None:
        assert folder_of(tmp_path, "faces", name) == tmp_path / "faces" / name


class TestFreshness:
    def test_what_was_made_from_what_is_there_is_fresh(self, tmp_path: Path) -> None:
        codes = make(tmp_path, "codes", "a-r1", make(tmp_path, "faces", "a"))
        assert stale_inputs(codes, tmp_path) == []
        check_fresh(codes, tmp_path)

    def test_a_changed_input_makes_it_stale(self, tmp_path: Path) -> None:
        codes = make(tmp_path, "codes", "a-r1", make(tmp_path, "faces", "a"))
        make(tmp_path, "faces", "a", content="other")
        assert stale_inputs(codes, tmp_path) == ["faces/a"]
        with pytest.raises(ArtefactError, match=r"is stale: faces/a has changed since; make it"):
            check_fresh(codes, tmp_path)

    def test_an_input_that_is_gone_or_lies_outside_does_not(self, tmp_path: Path) -> None:
        faces = make(tmp_path, "faces", "a")
        codes = make(tmp_path, "codes", "a-r1", faces)
        (faces.folder / "manifest.json").unlink()
        assert stale_inputs(codes, tmp_path) == []
        codes.manifest["inputs"].append({"kind": "file", "name": "a.zip", "digest": "0"})
        assert stale_inputs(codes, tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "name", "remedy"),
    [
        ("codes", "my-run-r5", "with `emotiw map my-run --radius 5`."),
        ("models", "m", "`emotiw finetune … --name m` or `emotiw weights import … --name m`."),
    ],
)
def test_what_is_missing_comes_with_the_command_that_makes_it(
    tmp_path: Path, kind: str, name: str, remedy: str
) -> None:
    with pytest.raises(ArtefactError) as refused:
        open_artefact(tmp_path, kind, name)
    assert str(refused.value).endswith(remedy)
