"""Launches of apps: the request of the job that each start of one gets."""

from __future__ import annotations

import re
from typing import Any

from sagewright.kinds.app import EDITOR_PATH, SETUP_MODULE, STATUS_PATH, AppRequest
from sagewright.model.errors import ValidationException
from sagewright.runtimes.images import ImageKind, resolve_image
from sagewright.runtimes.recipes import NoRecipe, recipe_for
from sagewright.services.context import Context
from sagewright.services.sagemaker.studio.effective_settings import AppOwner, EffectiveSettings
from sagewright.services.sagemaker.studio.image_versions import find_version
from sagewright.services.sagemaker.studio.settings_checks import script_of
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

JUPYTER, WRANGLER, SDK_V2 = "sagewright-jupyter", "sagewright-wrangler", "sagewright-jupyter-sdk-v2"
"""Images of the programs, and of JupyterLab's second kernel."""
SDK_V2_KERNEL = {"name": "sdk-v2", "title": "Python 3 (SDK v2)", "image": SDK_V2}
AWS_CLI = {"name": "aws-cli", "title": "aws", "image": "sagewright-aws-cli", "program": "aws"}
"""The AWS CLI in a separate environment, because it needs its own version of botocore."""
REQUIREMENTS = {
    "name": "requirements",
    "title": "Python 3 (requirements.txt)",
    "image": JUPYTER,
    "file": "requirements.txt",
}
"""The kernel with SDK v3 and the packages of the home's requirements.txt."""
OWN_KERNELS = (SDK_V2_KERNEL, REQUIREMENTS, AWS_CLI)
"""Kernels and programs of every JupyterLab, in addition to its own kernel."""
PROGRAM_OF = {"JupyterLab": "jupyter", "JupyterServer": "jupyter", "CodeEditor": "code-editor", "Canvas": "wrangler"}
STUDIO_HOME, STUDIO_LOGS = "/home/sagemaker-user", "/aws/sagemaker/studio"
DEFAULT_TYPE = "ml.t3.medium"
NO_EFFECT = ("EmrSettings",)
"""Members of an app's settings that are kept and returned, and do nothing here."""
MOST_KERNELS = 5
"""Maximum number of kernels of images: each has an environment, which is built before the app starts."""
_FRAMEWORK = re.compile(r"(pytorch|tensorflow)-(?:training-)?v?(\d+\.\d+(?:\.\d+)?)")


def app_launch(
    context: Context, owner: AppOwner, app: dict[str, Any], arn: str, settings: EffectiveSettings
) -> dict[str, Any]:
    """Returns the request of an app's job, without the members that each start adds. `app`: the request of CreateApp; in
    RecoveryMode it has neither life-cycle scripts nor further kernels. Raises ValidationException."""
    app_type, name, recovering = app["AppType"], app["AppName"], bool(app.get("RecoveryMode"))
    domain, home = owner.domain.name, owner.home
    named = home.name.partition("/")[2]
    stream = f"{domain}/{named}/{app_type}/{name}"
    metadata = {
        "AppType": app_type,
        "DomainId": domain,
        **({"UserProfileName": owner.profile.document["UserProfileName"]} if owner.profile else {}),
        **({"SpaceName": owner.space.document["SpaceName"]} if owner.space else {}),
        "ResourceArn": arn,
        "ResourceName": name,
        "ExecutionRoleArn": settings.role,
        "AppImageVersion": "",
    }
    kernels = _beside(context, app_type, settings, recovering)
    most = len(OWN_KERNELS) + MOST_KERNELS
    left_out = [
        f"The kernel {one['title']!r} is left out: an app has at most {MOST_KERNELS} kernels of images."
        for one in kernels[most:]
    ]
    program = [PROGRAM_OF[app_type], *([context.settings.code_editor] if app_type == "CodeEditor" else [])]
    request = AppRequest(
        name=name,
        title=stream,
        subject=[],
        role=settings.role,
        instance_type=launched_type(settings.spec.get("InstanceType")),
        image=WRANGLER if app_type == "Canvas" else JUPYTER,
        module=[*SETUP_MODULE, *program],
        home="",
        home_path=STUDIO_HOME,
        metadata=metadata,
        setup={
            "scripts": [] if recovering else _studio_scripts(context, settings, stream),
            "notes": [*_notes(owner, settings), *left_out],
        },
        kernels=kernels[:most],
        health_path=EDITOR_PATH if app_type == "CodeEditor" else STATUS_PATH,
        log_group=STUDIO_LOGS,
        log_stream=stream,
    )
    return request.write({})


def _notes(owner: AppOwner, settings: EffectiveSettings) -> list[str]:
    """Returns lines of the app's log about settings that have no effect here."""
    notes = [f"{member} has no effect here." for member in NO_EFFECT if settings.app.get(member)]
    urls = [one["RepositoryUrl"] for one in settings.app.get("CodeRepositories") or ()]
    if urls:
        notes.append(f"CodeRepositories are not cloned for an app; clone them in a terminal: {', '.join(urls)}")
    if owner.domain.document.get("AppNetworkAccessType") == "VpcOnly":
        notes.append("AppNetworkAccessType VpcOnly has no effect here: the app has this machine's network.")
    return notes


def launched_type(asked: str | None) -> str:
    return DEFAULT_TYPE if asked in {None, "system"} else str(asked)


def _studio_scripts(context: Context, settings: EffectiveSettings, stream: str) -> list[dict[str, str]]:
    """Returns the life-cycle scripts of an app: the built-in one, then the one that its ResourceSpec names."""
    arns = [settings.app.get("BuiltInLifecycleConfigArn"), settings.spec.get("LifecycleConfigArn")]
    found = [script_of(context, arn) for arn in arns if arn]
    return [
        {
            "name": one["StudioLifecycleConfigName"],
            "hook": "OnStart",
            "content": one["StudioLifecycleConfigContent"],
            "group": STUDIO_LOGS,
            "stream": f"{stream}/LifecycleConfigOnStart",
        }
        for one in found
        if one is not None
    ]


def _beside(context: Context, app_type: str, settings: EffectiveSettings, recovering: bool) -> list[dict[str, str]]:
    """Returns the kernels and programs in environments other than the app's own."""
    if recovering or app_type == "Canvas":
        return []
    return [AWS_CLI] if app_type == "CodeEditor" else _kernels(context, settings)


def _kernels(context: Context, settings: EffectiveSettings) -> list[dict[str, str]]:
    """Returns the kernels in addition to JupyterLab's own: SDK v2's, the image's of the ResourceSpec, and custom images'."""
    kernels = list(OWN_KERNELS)
    named = settings.spec.get("SageMakerImageVersionArn") or settings.spec.get("SageMakerImageArn")
    if named:
        kernels += _image_kernels(context, named, settings.spec.get("SageMakerImageVersionAlias", ""))
    for custom in [*(settings.app.get("CustomImages") or ()), *(settings.kernels.get("CustomImages") or ())]:
        version = custom.get("ImageVersionNumber")
        base = base_image(context, custom["ImageName"], "" if version is None else str(version))
        kernels += _configured(context, custom, base)
    unique = {kernel["name"]: kernel for kernel in kernels}
    return list(unique.values())


def _image_kernels(context: Context, arn: str, alias: str) -> list[dict[str, str]]:
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    name = rest.partition("/")[0]
    if f":{context.account}:" not in arn:  # an image of AWS's
        found = _FRAMEWORK.search(name)
        return [_kernel(name, name, f"{found[1]}-training:{found[2]}")] if found else []
    if kind != "image-version":
        return [_kernel(name, name, base_image(context, name, alias))]
    found_version = resources.find(context.store, ResourceScope(kind, context.account, context.region), rest)
    if found_version is None:
        raise ValidationException(f"ImageVersion [{arn}] does not exist.")
    return [_kernel(name, name, str(found_version.document["BaseImage"]))]


def _configured(context: Context, custom: dict[str, Any], base: str) -> list[dict[str, str]]:
    """Returns the kernel of a custom image, with the title that its AppImageConfig gives it. Raises ValidationException."""
    scope = ResourceScope("app-image-config", context.account, context.region)
    config = resources.find(context.store, scope, custom["AppImageConfigName"])
    if config is None:
        raise ValidationException(f"AppImageConfig [{custom['AppImageConfigName']}] does not exist.")
    kernels = (config.document.get("KernelGatewayImageConfig") or {}).get("KernelSpecs") or [{}]
    first = kernels[0]
    return [_kernel(custom["ImageName"], first.get("DisplayName") or first.get("Name") or custom["ImageName"], base)]


def _kernel(name: str, title: str, image: str) -> dict[str, str]:
    """Raises ValidationException for an image whose environment can't be built here."""
    resolved = resolve_image(image)
    if resolved.kind is ImageKind.OWN:
        raise ValidationException(
            f"The image {image} of the kernel {title!r} is your own container: apps run only kernels of AWS's framework "
            f"images, such as pytorch-training."
        )
    try:
        recipe_for(resolved)
    except NoRecipe as error:
        raise ValidationException(f"The image {image} of the kernel {title!r} can't run here: {error}.") from error
    plain = re.sub(r"[^a-z0-9._-]", "-", name.lower()).strip("-.") or "image"
    return {"name": f"image-{plain}", "title": title[:200], "image": image}


def base_image(context: Context, name: str, version: str) -> str:
    """Returns the BaseImage of a version (a number or an alias) of an image, of the newest if it is "". Raises
    ValidationException."""
    found = find_version(context, name, version)
    if found is None:
        raise ValidationException(f"ImageVersion [{name}{':' + version if version else ''}] does not exist.")
    return str(found.document["BaseImage"])
