"""Which artefacts a step reads and which it makes: what its place among the others follows from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw_cli.inputs.representation import Representation

WEIGHT_FILES = (".safetensors", ".json", ".pt", ".pth")

OUTSIDE = "outside/"
"""What keys of folders begin with that one step writes and another reads: they are no artefacts."""


def reads_and_makes(
    words: tuple[str, ...], options: Mapping[str, Any]
) -> tuple[list[str], list[str]] | None:
    """Keys (``kind/name``) a step reads and makes; None for a verb that is not known here.

    Such a step waits for all above it, and all below it wait for it. One that reads ``*`` waits for
    all above it and no more. A folder outside the workspace has a key too, :data:`OUTSIDE` and its
    path.
    """
    name = options.get("name")
    match words:
        case ("align",):
            return [], [f"faces/{name}"]
        case ("map",):
            radii = options["radius"] or (1, 5, 10)
            return [f"faces/{name}"], [f"codes/{name}-r{radius}" for radius in radii]
        case ("pretrain",) | ("finetune",):
            rep = Representation.parse(options["rep"])
            sets = [*options["sets"], *(options.get("unlabelled") or ())]
            reads = [f"faces/{faces}" for faces in sets]
            if rep.mapped:
                reads += [f"codes/{faces}-r{rep.radius}" for faces in sets]
            reads += [f"models/{model}" for model in options.get("teacher") or ()]
            init = options["init"]
            if init and Path(init).suffix not in WEIGHT_FILES:
                reads.append(f"models/{init}")
            return reads, [f"models/{name}"]
        case ("weights", "import") if options["preset"] and not options["rep"]:
            return ["*"], [f"models/{name}"]  # the file's folder tells which codes it reads
        case ("weights", "import"):
            rep = Representation.parse(options["rep"] or "rgb")
            reads = [f"faces/{faces}" for faces in options["validate"] or ()]
            if rep.mapped:
                reads += [f"codes/{faces}-r{rep.radius}" for faces in options["validate"] or ()]
            return reads, [f"models/{name}"]
        case ("ensemble",):
            members = [one.strip() for text in options["members"] for one in text.split(",")]
            return [f"models/{member}" for member in members if member], [f"bundles/{name}"]
        case ("groups", sub):
            return _of_groups(sub, options)
        case ("clips", sub):
            return _of_clips(sub, options)
        case ("evaluate",):
            bundle, data = options["bundle"], options["data"]
            split = f"-{options['split']}" if options["split"] else ""
            made = [] if options["out"] else [f"evaluations/{bundle}-on-{data}{split}"]
            measured = [f"{kind}/{bundle}" for kind in ("bundles", "modules")]
            return measured + [f"{kind}/{data}" for kind in ("faces", "features", "tubes")], made
        case ("predict",):
            return [f"bundles/{options['bundle']}"], []
    return None


def _of_groups(sub: str, options: Mapping[str, Any]) -> tuple[list[str], list[str]] | None:
    name = options.get("name")
    match sub:
        case "compose":
            return [f"faces/{options['faces']}"], [OUTSIDE + str(options["out"])]
        case "faces":
            return [OUTSIDE + str(options["source"])], [f"groups/{name}"]
        case "features":
            reads = [f"groups/{options['groups']}", f"bundles/{options['bundle']}"]
            return [*reads, f"models/{options['vggface']}"], [f"features/{name}"]
        case "train" if options["what"] == "forests":
            return [f"features/{options['source']}"], [f"forests/{name}"]
        case "train":
            return [f"groups/{options['source']}", f"models/{options['init']}"], [f"scenes/{name}"]
        case "fuse":
            reads = [
                f"{kind}/{one}" for one in options["members"] for kind in ("forests", "scenes")
            ]
            return reads, [f"bundles/{name}"]
    return None


def _of_clips(sub: str, options: Mapping[str, Any]) -> tuple[list[str], list[str]] | None:
    name = options.get("name")
    made = [f"modules/{name}"]
    match sub:
        case "tubes":
            return [OUTSIDE + str(options["source"])], [f"tubes/{name}"]
        case "train" if options["module"] == "audio":
            return [OUTSIDE + str(options["source"])], [f"voices/{name}"]
        case "train":
            return [f"tubes/{options['source']}", f"bundles/{options['bundle_name']}"], made
        case "listen":
            return [f"tubes/{options['tubes']}", f"voices/{options['voice']}"], made
        case "apply":
            return [f"modules/{options['module']}", f"tubes/{options['tubes']}"], made
        case "fuse":
            return [f"modules/{one.strip()}" for one in options["modules"].split(",")], made
        case "bundle":
            reads = [f"modules/{options['fused']}", f"voices/{options['voice']}"]
            return [*reads, f"bundles/{options['faces']}"], [f"bundles/{name}"]
    return None
