"""The generated configuration of a bundle: stock MONAI runs it on files, without this workspace."""

from __future__ import annotations

from importlib.metadata import version

from pydantic import JsonValue

from imaging.domain.job import Task
from pipelines.plan import Plan
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.voxels import Intensity

INTENDED_USE = (
    "Research on images like those it was trained on. "
    "For research use only, not for diagnosis or any other clinical decision."
)


# A NIfTI's matrix has single precision, and MONAI 1.6 lays the grid of Spacing elsewhere where axes are not at right
# angles to the last digit (monai.data.utils.compute_shape_offset): they are made so before.
_UPRIGHT = (
    "$lambda affine: (lambda sizes: torch.cat([torch.cat([(lambda parts: parts[0].mm(parts[2]) * sizes)"
    "(torch.linalg.svd(affine[:3, :3] / sizes)), affine[:3, 3:]], 1), affine[3:]]))(affine[:3, :3].norm(dim=0))"
)


def metadata(plan: Plan) -> dict[str, JsonValue]:
    """Describe the model as MONAI's bundle specification asks (metadata.json)."""
    outputs = [known.name for known in plan.classes]
    if plan.task is Task.SEGMENTATION:
        outputs.insert(0, "background")
    names: dict[str, JsonValue] = {str(number): name for number, name in enumerate(outputs)}
    shape: list[JsonValue] = list(plan.patch[-plan.spatial_dims :])
    intensity = next(iter(plan.intensities.values()))
    sent: dict[str, JsonValue] = {
        "type": "image",
        "format": "magnitude" if "MR" in plan.intensities else "hounsfield" if "CT" in plan.intensities else "image",
        "modality": next(iter(plan.intensities)),
        "num_channels": plan.channels,
        "spatial_shape": shape,
        "dtype": "float32",
        "value_range": [-1, 1] if intensity.kind in ("fixed", "suv") else [],
        "is_patch_data": plan.task is Task.SEGMENTATION,
        "channel_def": {str(channel): "image" for channel in range(plan.channels)},
    }
    answer: dict[str, JsonValue] = {
        "type": "image" if plan.task is Task.SEGMENTATION else "probabilities",
        "format": "segmentation" if plan.task is Task.SEGMENTATION else "classes",
        "num_channels": len(names),
        "spatial_shape": shape if plan.task is Task.SEGMENTATION else [],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": plan.task is Task.SEGMENTATION,
        "channel_def": names,
    }
    return {
        "version": "1.0.0",
        "changelog": {"1.0.0": "trained"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "pytorch-ignite": "0.5.5"},
        "name": plan.name,
        "task": plan.task.value,
        "description": f"A {plan.task.value} of {', '.join(known.name for known in plan.classes)}.",
        "authors": "made with Imaging Workspace",
        "copyright": "see the project that the model comes from",
        "intended_use": INTENDED_USE,
        "network_data_format": {"inputs": {"image": sent}, "outputs": {"pred": answer}},
    }


def inference_config(plan: Plan) -> dict[str, JsonValue]:
    """Configure `python -m monai.bundle run --config_file configs/inference.json --bundle_root .`.

    It reads every file of `dataset_dir`: NIfTI volumes in real units (HU), or pictures for a 2-D network.
    """
    suffix = "*.png" if plan.spatial_dims == 2 else "*.nii.gz"
    return {
        "imports": ["$import glob", "$import os", "$import torch"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/input'",
        "output_dir": "$@bundle_root + '/output'",
        "datalist": f"$sorted(glob.glob(os.path.join(@dataset_dir, '{suffix}')))",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": dict(plan.network),
        "network": "$@network_def.to(@device)",
        **({} if plan.preprocessing is None else {"upright": _UPRIGHT}),
        "preprocessing": {"_target_": "Compose", "transforms": _before(plan)},
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': name} for name in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": _inferer(plan),
        "postprocessing": {"_target_": "Compose", "transforms": _after(plan)},
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": {"model": "@network"},
                "map_location": "@device",
            },
            *([] if plan.task is Task.SEGMENTATION else [_table_of_probabilities()]),
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }


def _before(plan: Plan) -> list[JsonValue]:
    intensity = next(iter(plan.intensities.values()))
    if plan.spatial_dims == 2:
        reader: JsonValue = {
            "_target_": "PILReader",
            "reverse_indexing": False,
            "converter": f"$lambda picture: picture.convert('{'RGB' if plan.channels == 3 else 'L'}')",
        }
        steps: list[JsonValue] = [
            {"_target_": "LoadImaged", "keys": "image", "reader": reader},
            {
                "_target_": "EnsureChannelFirstd",
                "keys": "image",
                "channel_dim": -1 if plan.channels == 3 else "no_channel",
            },
        ]
    else:
        steps = [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            *([] if plan.preprocessing is None else [_stand_upright()]),
            {"_target_": "Orientationd", "keys": "image", "axcodes": plan.orientation},
        ]
    resize: list[JsonValue] = []
    if plan.task is Task.CLASSIFICATION:
        size: list[JsonValue] = list(plan.patch[-plan.spatial_dims :])
        resize.append({"_target_": "Resized", "keys": "image", "spatial_size": size, "mode": "area"})
    if plan.preprocessing is not None:
        return [*steps, *_prepared(plan.preprocessing, plan.spatial_dims, _normalised(intensity)), *resize]
    if plan.task is Task.SEGMENTATION:
        resize.append({"_target_": "Spacingd", "keys": "image", "pixdim": list(plan.spacing), "mode": "bilinear"})
    return [*steps, *resize, *_normalised(intensity)]


def _prepared(recipe: PreprocessingRecipe, dims: int, normalised: list[JsonValue]) -> list[JsonValue]:
    """Say in MONAI's words what the recipe does after orienting, in its order."""
    steps: list[JsonValue] = []
    if recipe.crop is not None:
        inside = f"$lambda image: image > {recipe.crop.above!r}"
        crop: dict[str, JsonValue] = {"select_fn": inside, "margin": recipe.crop.margin, "allow_smaller": True}
        steps.append({"_target_": "CropForegroundd", "keys": "image", "source_key": "image", **crop})
    steps += normalised
    if recipe.spacing is not None:
        steps.append({"_target_": "Spacingd", "keys": "image", "pixdim": list(recipe.spacing), "mode": "bilinear"})
    if recipe.multiple is not None:
        by: list[JsonValue] = list(recipe.multiple[-dims:])
        steps.append({"_target_": "DivisiblePadd", "keys": "image", "k": by, "mode": "edge"})
    return steps


def _stand_upright() -> JsonValue:
    func = "$lambda image: (setattr(image, 'affine', @upright(image.affine)), image)[1]"
    return {"_target_": "Lambdad", "keys": "image", "func": func}


def _normalised(intensity: Intensity) -> list[JsonValue]:
    steps: list[JsonValue] = []
    if intensity.kind in ("fixed", "suv"):
        scale: dict[str, JsonValue] = {"a_min": intensity.low, "a_max": intensity.high, "b_min": -1.0, "b_max": 1.0}
        steps.append({"_target_": "ScaleIntensityRanged", "keys": "image", "clip": True, **scale})
    else:
        if intensity.kind == "percentile":
            bounds: dict[str, JsonValue] = {"lower": intensity.low, "upper": intensity.high}
            steps.append({"_target_": "ClipIntensityPercentilesd", "keys": "image", **bounds})
        steps.append({"_target_": "NormalizeIntensityd", "keys": "image"})
    return steps


def _inferer(plan: Plan) -> JsonValue:
    if plan.task is Task.CLASSIFICATION:
        return {"_target_": "SimpleInferer"}
    return {
        "_target_": "SlidingWindowInferer",
        "roi_size": list(plan.patch),
        "sw_batch_size": plan.batch,
        "overlap": plan.overlap,
        "mode": "gaussian",
        "padding_mode": "replicate",
    }


def _after(plan: Plan) -> list[JsonValue]:
    if plan.task is Task.CLASSIFICATION:
        return [{"_target_": "Activationsd", "keys": "pred", "softmax": True}]
    return [
        {
            "_target_": "Invertd",
            "keys": "pred",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": False,
            "to_tensor": True,
        },
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        # The terms' own voxel values, so that the result can be imported back as it is.
        {
            "_target_": "Lambdad",
            "keys": "pred",
            "func": f"$lambda pred: torch.tensor({list(plan.values)})[pred.long()]",
        },
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "output_dir": "@output_dir",
            "output_dtype": "uint16",
            "separate_folder": False,
            "resample": False,
        },
    ]


def _table_of_probabilities() -> JsonValue:
    return {
        "_target_": "ClassificationSaver",
        "output_dir": "@output_dir",
        "filename": "predictions.csv",
        "batch_transform": "$lambda batch: [item['image'].meta for item in batch]",
        "output_transform": "$lambda output: [item['pred'] for item in output]",
    }
