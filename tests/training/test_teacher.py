"""What teachers say, of labelled faces and of others, and students that learn it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotiw_cli.artefact import Artefact, open_artefact
from emotiw_cli.data.faces import Faces
from emotiw_cli.data.make_codes import make_codes
from emotiw_cli.emotions import EMOTIONS
from emotiw_cli.errors import ArtefactError, InputError, LeakError, TamperedError
from emotiw_cli.inputs.representation import Representation
from emotiw_cli.status.chain import in_order, read_chain
from emotiw_cli.training.distributed import joined
from emotiw_cli.training.faceset import FaceSet
from emotiw_cli.training.finetune import finetune
from emotiw_cli.training.import_weights import Origin, import_weights
from emotiw_cli.training.model import Progress
from emotiw_cli.training.pretrain import pretrain
from emotiw_cli.training.recipe import Recipe
from emotiw_cli.training.teacher import Teachers

TINY = Recipe("mobilenet_v1.025", "grey", epochs=1, batch=14, ema=0.0, resize=20, crop=16)
HELD = list(range(42, 56))
"""The validation faces, of which a model's posteriors are on disk."""


def taught(work: Path, name: str, recipe: Recipe = TINY, **options: object) -> Artefact:
    with joined("cpu", 1) as process:
        return finetune(work, ["tiny"], name, recipe, process=process, **options)  # type: ignore[arg-type]


def targets(
    work: Path, names: list[str], share: float, own: np.ndarray, **options: object
) -> np.ndarray:
    faces = FaceSet(work, ["tiny"], Representation.parse("grey"))
    with joined("cpu", 1) as process:
        return Teachers.find(work, names, share).targets(
            own,
            faces,
            HELD,
            EMOTIONS,
            work / "kept",
            "plan",
            process=process,
            **options,  # type: ignore[arg-type]
        )


def said(model: Artefact) -> np.ndarray:
    with np.load(model.folder / "validation.npz") as arrays:
        return np.asarray(arrays["posteriors"])


def test_teachers_count_for_their_share_and_wholly_without_a_label(
    make_faces: Callable[..., Path],
) -> None:
    work = make_faces()
    one, two = taught(work, "one"), taught(work, "two", replace(TINY, seed=5))
    own = np.eye(7)[np.arange(14) % 7]
    own[3] = 0
    mean = (said(one) + said(two)) / 2
    expected = 0.75 * own + 0.25 * mean
    expected[3] = mean[3]
    np.testing.assert_allclose(targets(work, ["one", "two"], 0.25, own), expected, atol=1e-6)


def test_what_a_teacher_said_is_not_asked_again(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    taught(work, "one")
    taught(work, "two", replace(TINY, seed=5))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        targets(work, ["one", "two"], 1.0, np.zeros((14, 7)), on_face=stop)
    told: list[tuple[int, int]] = []
    targets(
        work, ["one", "two"], 1.0, np.zeros((14, 7)), on_face=lambda *numbers: told.append(numbers)
    )
    assert told == [(28, 28)]  # of the second alone


def test_a_student_learns_from_faces_nobody_labelled(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    make_faces("found", training=7, validation=7, seed=1)
    teacher = taught(work, "teacher")
    student = taught(work, "student", teachers=["teacher"], unlabelled=["found"])
    assert student.manifest["counts"]["training"] == 49
    assert student.manifest["counts"]["unlabelled"] == 7
    assert student.manifest["counts"]["validation"] == 14  # not those of the others
    with np.load(student.folder / "seen.npz") as seen:
        assert seen["pixels"].tolist() == [*range(42), *range(1000, 1007)]
    named = [entry["name"] for entry in student.manifest["inputs"]]
    assert named == ["tiny", "found", "teacher"]
    order = [node.key for node in in_order(read_chain(work))]
    assert order[-2:] == ["models/teacher", "models/student"]
    again = taught(work, "student", teachers=["teacher"], unlabelled=["found"])
    assert again.digest == student.digest
    assert teacher.digest != student.digest


@pytest.mark.parametrize("known", ["pixels", "subjects"])
def test_a_teacher_that_knows_validation_faces_is_refused(
    make_faces: Callable[..., Path], known: str
) -> None:
    subjects: Callable[[int], str] = lambda number: f"S{number}"  # noqa: E731
    work = make_faces(groups=subjects, set_name="one")
    # The last 14 faces of `tiny` are for validation; here they are trained on.
    same = {"seed": 0} if known == "pixels" else {"seed": 1, "groups": subjects}
    make_faces("more", training=56, validation=0, set_name="one", **same)
    with joined("cpu", 1) as process:
        finetune(work, ["more"], "teacher", TINY, process=process)
    with pytest.raises(LeakError, match="teacher was trained on 14 of the 14 validation faces"):
        taught(work, "student", teachers=["teacher"])


def test_teachers_are_not_asked_for_another_training_than_the_one_begun(
    make_faces: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_faces()
    taught(work, "teacher")

    def stop(done: int, total: int, loss: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        taught(work, "student", teachers=["teacher"], progress=Progress(on_step=stop))
    monkeypatch.setattr(Teachers, "targets", lambda *_, **__: pytest.fail("they were asked"))
    with pytest.raises(ArtefactError, match="other data or options"):
        taught(work, "student", teachers=["teacher"], teacher_share=0.25)


@pytest.mark.parametrize("options", [{"teachers": ["m"]}, {"init": "m"}], ids=["teacher", "init"])
def test_a_model_is_not_written_over_by_its_own_student(
    make_faces: Callable[..., Path], options: dict[str, object]
) -> None:
    work = make_faces()
    before = taught(work, "m")
    with pytest.raises(InputError, match="cannot be made from itself; choose another --name"):
        taught(work, "m", overwrite=True, **options)
    assert open_artefact(work, "models", "m").digest == before.digest


def test_what_a_mapped_teacher_reads_is_told(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    with pytest.raises(ArtefactError, match="emotiw map"):
        taught(work, "teacher", replace(TINY, representation="cyclic-1"))
    make_codes(work, Faces.open(work, "tiny"), radius=1, metric="cyclic")
    taught(work, "teacher", replace(TINY, representation="cyclic-1"))
    student = taught(work, "student", teachers=["teacher"])
    told = [(entry["kind"], entry["name"]) for entry in student.manifest["inputs"]]
    assert told == [("faces", "tiny"), ("models", "teacher"), ("codes", "tiny-r1")]


def test_faces_learnt_with_and_without_their_labels_are_two_trainings(
    make_faces: Callable[..., Path],
) -> None:
    work = make_faces()
    make_faces("found", training=7, validation=0, seed=1)
    taught(work, "teacher")
    taught(work, "student", teachers=["teacher"], unlabelled=["found"])
    with joined("cpu", 1) as process, pytest.raises(ArtefactError, match="other data or options"):
        finetune(work, ["tiny", "found"], "student", TINY, process=process, teachers=["teacher"])


def test_without_a_teacher_nothing_is_known_of_them(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    make_faces("found", seed=1)
    with pytest.raises(InputError, match="found without labels needs a --teacher"):
        taught(work, "student", unlabelled=["found"])


def test_faces_are_labelled_or_not(make_faces: Callable[..., Path]) -> None:
    work = make_faces()
    taught(work, "teacher")
    with pytest.raises(InputError, match="tiny cannot be both"):
        taught(work, "student", teachers=["teacher"], unlabelled=["tiny"])


def test_who_cannot_teach(make_faces: Callable[..., Path], tmp_path: Path) -> None:
    work = make_faces()
    make_faces("people", identities=True, seed=1)
    with joined("cpu", 1) as process:
        pretrain(work, ["people"], "knows-people", TINY, process=process)
    with pytest.raises(InputError, match="knows-people knows other classes"):
        taught(work, "student", teachers=["knows-people"])
    teacher = taught(work, "teacher")
    path = teacher.folder / "weights.safetensors"
    origin = Origin(path, TINY.net, resize=TINY.resize, crop=TINY.crop)
    with joined("cpu", 1) as process:
        import_weights(work, "imported", origin, process=process)
    with pytest.raises(InputError, match=r"imported does not say how it sees .* --validate"):
        taught(work, "student", teachers=["imported"])
    with pytest.raises(InputError, match="not a file of weights"):
        taught(work, "student", teachers=[str(path)])
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(TamperedError, match="teacher"):
        taught(work, "student", teachers=["teacher"])
