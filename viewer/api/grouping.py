"""Tracks, image groups and annotation groups."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.base import AnnotationKey, ImageKey
from imaging.domain.command import Thing
from imaging.domain.grouping import AnnotationGroup, AnnotationLink, GroupedImage, ImageGroup, Track, Tracked
from imaging.project.project import Project
from viewer.api.changes import tell
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.grouping import (
    AnnotationGroupChanged,
    AnnotationGroupSent,
    AnnotationGroupShape,
    AnnotationLinkChanged,
    AnnotationLinkSent,
    AnnotationLinkShape,
    AnnotationTrackChanged,
    AnnotationTrackSent,
    AnnotationTrackShape,
    GroupedImageChanged,
    GroupedImageShape,
    ImageGroupChanged,
    ImageGroupEdited,
    ImageGroupSent,
    ImageGroupShape,
    TrackChanged,
    TrackEdited,
    TrackSent,
    TrackShape,
)
from viewer.api.shapes.image import ImageShape
from viewer.deps import Entry, Id, Page, Site

router = APIRouter(prefix="/api", tags=["track", "group"])


@router.get("/project/{project}/track.json")
def list_tracks(project: Id, door: Entry, page: Page) -> Collection[TrackShape]:
    """List the tracks of a project."""
    return Collection[TrackShape].cut([TrackShape.of(one) for one in door.project(project).tracks.list()], page)


@router.get("/imageinstance/{image}/track.json")
def list_image_tracks(image: Id, door: Entry, page: Page) -> Collection[TrackShape]:
    """List the tracks of an image."""
    tracks = door.locate("image", image).tracks.list(ImageKey(image))
    return Collection[TrackShape].cut([TrackShape.of(one) for one in tracks], page)


@router.post("/track.json")
def add_track(sent: TrackSent, door: Entry) -> TrackChanged:
    """Begin a track on an image."""
    project = door.locate("image", sent.image)
    return _track_changed(project, "Add", project.tracks.create(ImageKey(sent.image), sent.name, sent.color))


@router.get("/track/{track}.json")
def show_track(track: Id, door: Entry) -> TrackShape:
    """Show a track."""
    return TrackShape.of(door.locate("track", track).tracks.get(track))


@router.put("/track/{track}.json")
def edit_track(track: Id, sent: TrackEdited, door: Entry) -> TrackChanged:
    """Give a track another name or color."""
    project = door.locate("track", track)
    return _track_changed(project, "Edit", project.tracks.edit(track, name=sent.name, color=sent.color))


@router.delete("/track/{track}.json")
def delete_track(track: Id, door: Entry) -> TrackChanged:
    """End a track; its annotations stay."""
    project = door.locate("track", track)
    return _track_changed(project, "Delete", project.tracks.delete(track))


@router.get("/annotation/{annotation}/annotationtrack.json")
def list_annotation_tracks(annotation: Id, door: Entry, page: Page) -> Collection[AnnotationTrackShape]:
    """List the tracks of an annotation."""
    found = door.locate("annotation", annotation).tracks.of_annotation(AnnotationKey(annotation))
    return Collection[AnnotationTrackShape].cut([AnnotationTrackShape.of(one) for one in found], page)


@router.get("/annotationtrack/{annotation}/{track}.json")
def show_annotation_track(annotation: Id, track: Id, door: Entry) -> AnnotationTrackShape:
    """Confirm that an annotation shows the object of a track."""
    tracks = door.locate("track", track).tracks
    return AnnotationTrackShape.of(tracks.tracked(AnnotationKey(annotation), track))


@router.post("/annotationtrack.json", name="follow")
def follow(sent: AnnotationTrackSent, door: Entry) -> AnnotationTrackChanged:
    """Say that an annotation shows the object of a track."""
    return _follow(door.locate("annotation", sent.annotation_ident), sent.annotation_ident, sent.track)


@router.post("/annotationtrack/{annotation}/{track}.json", name="follow_by_path")
def follow_by_path(annotation: Id, track: Id, door: Entry) -> AnnotationTrackChanged:
    """Say that an annotation shows the object of a track, as Cytomine's client asks it."""
    return _follow(door.locate("annotation", annotation), annotation, track)


@router.delete("/annotationtrack/{annotation}/{track}.json")
def unfollow(annotation: Id, track: Id, door: Entry) -> AnnotationTrackChanged:
    """Take that back."""
    project = door.locate("track", track)
    return _pair_changed(project, "Delete", project.tracks.unfollow(AnnotationKey(annotation), track))


@router.get("/project/{project}/imagegroup.json")
def list_image_groups(project: Id, door: Entry, page: Page) -> Collection[ImageGroupShape]:
    """List the image groups of a project."""
    groups = door.project(project).image_groups.list()
    return Collection[ImageGroupShape].cut([ImageGroupShape.of(group) for group in groups], page)


@router.post("/imagegroup.json")
def add_image_group(sent: ImageGroupSent, door: Entry) -> ImageGroupChanged:
    """Make an empty image group."""
    project = door.project(sent.project)
    return _image_group_changed(project, "Add", project.image_groups.create(sent.name))


@router.get("/imagegroup/{group}.json")
def show_image_group(group: Id, door: Entry) -> ImageGroupShape:
    """Show an image group."""
    return ImageGroupShape.of(door.locate("image group", group).image_groups.get(group))


@router.put("/imagegroup/{group}.json")
def rename_image_group(group: Id, sent: ImageGroupEdited, door: Entry) -> ImageGroupChanged:
    """Rename an image group."""
    project = door.locate("image group", group)
    return _image_group_changed(project, "Edit", project.image_groups.rename(group, sent.name))


@router.delete("/imagegroup/{group}.json")
def delete_image_group(group: Id, door: Entry) -> ImageGroupChanged:
    """Dissolve an image group; its images stay."""
    project = door.locate("image group", group)
    return _image_group_changed(project, "Delete", project.image_groups.delete(group))


@router.get("/imagegroup/{group}/imageinstance.json")
def list_images_of_group(group: Id, door: Entry, page: Page, site: Site) -> Collection[ImageShape]:
    """List the images of a group."""
    project = door.locate("image group", group)
    found = Collection[GroupedImage].cut(project.image_groups.images(group=group), page)
    shapes = [ImageShape.of(project.images.get(one.image), site=site) for one in found.collection]
    return Collection[ImageShape].page(shapes, found.size, page)


@router.get("/imagegroup/{group}/imagegroupimageinstance.json")
def list_grouped_images(group: Id, door: Entry, page: Page) -> Collection[GroupedImageShape]:
    """List which images are in a group."""
    found = door.locate("image group", group).image_groups.images(group=group)
    return Collection[GroupedImageShape].cut([GroupedImageShape.of(one) for one in found], page)


@router.get("/imageinstance/{image}/imagegroupimageinstance.json")
def list_groups_of_image(image: Id, door: Entry, page: Page) -> Collection[GroupedImageShape]:
    """List which groups an image is in."""
    found = door.locate("image", image).image_groups.images(image=ImageKey(image))
    return Collection[GroupedImageShape].cut([GroupedImageShape.of(one) for one in found], page)


@router.get("/imagegroup/{group}/imageinstance/{image}.json")
def show_grouped_image(group: Id, image: Id, door: Entry) -> GroupedImageShape:
    """Confirm that an image is in a group."""
    return GroupedImageShape.of(door.locate("image group", group).image_groups.find(group, ImageKey(image)))


@router.post("/imagegroup/{group}/imageinstance/{image}.json")
def group_image(group: Id, image: Id, door: Entry) -> GroupedImageChanged:
    """Put an image into a group."""
    project = door.locate("image group", group)
    return _grouped_changed(project, "Add", project.image_groups.put(group, ImageKey(image)))


@router.delete("/imagegroup/{group}/imageinstance/{image}.json")
def ungroup_image(group: Id, image: Id, door: Entry) -> GroupedImageChanged:
    """Take an image out of a group."""
    project = door.locate("image group", group)
    return _grouped_changed(project, "Delete", project.image_groups.take_out(group, ImageKey(image)))


@router.get("/project/{project}/annotationgroup.json")
def list_annotation_groups(project: Id, door: Entry, page: Page) -> Collection[AnnotationGroupShape]:
    """List the annotation groups of a project."""
    groups = door.project(project).annotation_groups.list()
    return Collection[AnnotationGroupShape].cut([AnnotationGroupShape.of(group) for group in groups], page)


@router.get("/imagegroup/{group}/annotationgroup.json")
def list_annotation_groups_across(group: Id, door: Entry, page: Page) -> Collection[AnnotationGroupShape]:
    """List the annotation groups across an image group."""
    groups = door.locate("image group", group).annotation_groups.list(group)
    return Collection[AnnotationGroupShape].cut([AnnotationGroupShape.of(one) for one in groups], page)


@router.post("/annotationgroup.json")
def add_annotation_group(sent: AnnotationGroupSent, door: Entry) -> AnnotationGroupChanged:
    """Make an empty annotation group."""
    project = door.project(sent.project)
    return _annotation_group_changed(project, "Add", project.annotation_groups.create(sent.image_group, sent.type))


@router.get("/annotationgroup/{group}.json")
def show_annotation_group(group: Id, door: Entry) -> AnnotationGroupShape:
    """Show an annotation group."""
    return AnnotationGroupShape.of(door.locate("annotation group", group).annotation_groups.get(group))


@router.delete("/annotationgroup/{group}.json")
def delete_annotation_group(group: Id, door: Entry) -> AnnotationGroupChanged:
    """Dissolve an annotation group; its annotations stay."""
    project = door.locate("annotation group", group)
    return _annotation_group_changed(project, "Delete", project.annotation_groups.delete(group))


@router.post("/annotationgroup/{group}/annotationgroup/{other}/merge.json")
def merge_annotation_groups(group: Id, other: Id, door: Entry) -> AnnotationGroupChanged:
    """Bring the annotations of another group into one, and dissolve the other."""
    project = door.locate("annotation group", group)
    return _annotation_group_changed(project, "Edit", project.annotation_groups.merge(group, other))


@router.get("/annotationgroup/{group}/annotationlink.json")
def list_links_of_group(group: Id, door: Entry, page: Page) -> Collection[AnnotationLinkShape]:
    """List which annotations are in a group."""
    links = door.locate("annotation group", group).annotation_groups.links(group=group)
    return Collection[AnnotationLinkShape].cut([AnnotationLinkShape.of(link) for link in links], page)


@router.get("/annotation/{annotation}/annotationlink.json")
def list_links_of_annotation(annotation: Id, door: Entry, page: Page) -> Collection[AnnotationLinkShape]:
    """List which group an annotation is in."""
    links = door.locate("annotation", annotation).annotation_groups.links(annotation=AnnotationKey(annotation))
    return Collection[AnnotationLinkShape].cut([AnnotationLinkShape.of(link) for link in links], page)


@router.post("/annotationlink.json")
def link_annotation(sent: AnnotationLinkSent, door: Entry) -> AnnotationLinkChanged:
    """Put an annotation into a group."""
    project = door.locate("annotation group", sent.group)
    return _link_changed(
        project, "Add", project.annotation_groups.link(sent.group, AnnotationKey(sent.annotation_ident))
    )


@router.get("/annotationgroup/{group}/annotation/{annotation}.json")
def show_link(group: Id, annotation: Id, door: Entry) -> AnnotationLinkShape:
    """Confirm that an annotation is in a group."""
    groups = door.locate("annotation group", group).annotation_groups
    return AnnotationLinkShape.of(groups.find(group, AnnotationKey(annotation)))


@router.delete("/annotationgroup/{group}/annotation/{annotation}.json")
def unlink_annotation(group: Id, annotation: Id, door: Entry) -> AnnotationLinkChanged:
    """Take an annotation out of a group."""
    project = door.locate("annotation group", group)
    return _link_changed(project, "Delete", project.annotation_groups.unlink(group, AnnotationKey(annotation)))


def _follow(project: Project, annotation: int, track: int) -> AnnotationTrackChanged:
    return _pair_changed(project, "Add", project.tracks.follow(AnnotationKey(annotation), track))


def _track_changed(project: Project, change: str, track: Track) -> TrackChanged:
    return TrackChanged(**tell(project, change, Thing.TRACK, track.id), track=TrackShape.of(track))


def _pair_changed(project: Project, change: str, pair: Tracked) -> AnnotationTrackChanged:
    told = tell(project, change, Thing.TRACKED, pair.id)
    return AnnotationTrackChanged(**told, annotationtrack=AnnotationTrackShape.of(pair))


def _image_group_changed(project: Project, change: str, group: ImageGroup) -> ImageGroupChanged:
    told = tell(project, change, Thing.IMAGE_GROUP, group.id)
    return ImageGroupChanged(**told, imagegroup=ImageGroupShape.of(group))


def _grouped_changed(project: Project, change: str, grouped: GroupedImage) -> GroupedImageChanged:
    told = tell(project, change, Thing.GROUPED_IMAGE, grouped.id)
    return GroupedImageChanged(**told, imagegroupimageinstance=GroupedImageShape.of(grouped))


def _annotation_group_changed(project: Project, change: str, group: AnnotationGroup) -> AnnotationGroupChanged:
    told = tell(project, change, Thing.ANNOTATION_GROUP, group.id)
    return AnnotationGroupChanged(**told, annotationgroup=AnnotationGroupShape.of(group))


def _link_changed(project: Project, change: str, link: AnnotationLink) -> AnnotationLinkChanged:
    told = tell(project, change, Thing.ANNOTATION_LINK, link.id)
    return AnnotationLinkChanged(**told, annotationlink=AnnotationLinkShape.of(link))
