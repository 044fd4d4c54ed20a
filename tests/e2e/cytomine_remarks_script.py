"""What a Cytomine script says of things and groups, with nothing but the official client; prints what it saw as JSON.

Run by the client's own Python: host, public key, private key and project id are the arguments.
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

from cytomine import Cytomine
from cytomine.models import (
    Annotation,
    AnnotationCollection,
    AnnotationGroup,
    AnnotationLink,
    AnnotationTrack,
    AttachedFile,
    AttachedFileCollection,
    Description,
    ImageGroup,
    ImageGroupCollection,
    ImageGroupImageInstance,
    ImageInstance,
    ImageInstanceCollection,
    Project,
    Property,
    PropertyCollection,
    Tag,
    TagCollection,
    TagDomainAssociation,
    TagDomainAssociationCollection,
    Track,
    TrackCollection,
)


def say(thing, name, seen):
    said = Property(thing, key="stage", value="II").save()
    said.value = "III"
    said.update()
    fetched = Property(thing).fetch(said.id)
    several = PropertyCollection(thing)
    several.extend([Property(thing, key=f"k{number}", value="v") for number in range(3)])
    stored = several.save()
    found = PropertyCollection(thing).fetch()
    by_key = Property(thing).fetch(key="stage")
    text = Description(thing, data="a text").save()
    text.data = "another text"
    text.update()
    described = Description(thing).fetch().data
    tag = Tag(f"tag of {name}").save()
    use = TagDomainAssociation(thing, tag=tag.id).save()
    marked = [one.tag == tag.id for one in TagDomainAssociationCollection(thing).fetch()]
    known = tag.id in [one.id for one in TagCollection().fetch()]
    seen[name] = {
        "value": fetched.value,
        "several": [stored, len(found)],
        "by_key": by_key.value,
        "text": described,
        "marked": marked,
        "tag": known,
        "deleted": [said.delete(), text.delete(), use.delete(), tag.delete()],
        "gone": Property(thing).fetch(said.id),
    }


def attach(thing, seen, name):
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "protocol.txt"), Path(folder, "back.txt")
        source.write_text("what was agreed on")
        made = AttachedFile(thing, filename=str(source)).upload()
        listed = [one.id == made.id for one in AttachedFileCollection(thing).fetch()]
        fetched = AttachedFile(thing).fetch(made.id)
        downloaded = fetched.download(str(target))
        text = target.read_text()
    seen[f"file of {name}"] = [listed, fetched.filename, bool(downloaded), text, made.delete()]


def filter_by_track(project, image, drawn, track, seen):
    other = Annotation("POINT (1.5 1.5)", image.id, None, project.id).save()
    ask = AnnotationCollection(project=project.id, track=track.id, showTrack=True, showWKT=True)
    followed = [(one.id == drawn.id, one.track == [track.id]) for one in ask.fetch()]
    ask = AnnotationCollection(included=True, image=image.id, annotation=drawn.id)
    included = [one.id == other.id for one in ask.fetch()]
    near = AnnotationCollection(
        project=project.id, image=image.id, baseAnnotation=drawn.id, maxDistanceBaseAnnotation=0.5
    ).fetch()
    seen["filtered"] = [followed, included, len(near), other.delete()]


def follow(project, image, drawn, seen):
    track = Track("nodule", image.id, "#112233").save()
    pair = AnnotationTrack("be.cytomine.domain.ontology.UserAnnotation", drawn.id, track.id).save()
    listed = [one.id == track.id for one in TrackCollection(filters={"imageinstance": image.id}).fetch()]
    fetched = AnnotationTrack().fetch(drawn.id, track.id)
    filter_by_track(project, image, drawn, track, seen)
    seen["track"] = [pair.track == track.id, listed, fetched.annotationIdent == drawn.id, pair.delete(), track.delete()]


def review(image, drawn, seen):
    cytomine = Cytomine.get_instance()
    started = cytomine.post(f"imageinstance/{image.id}/review.json", {})
    accepted = drawn.review(drawn.term)
    copies = AnnotationCollection(project=drawn.project, image=image.id, reviewed=True).fetch()
    seen["review"] = [bool(started), bool(accepted), [one.parentIdent == drawn.id for one in copies]]
    seen["review"].append(cytomine.delete(f"annotation/{drawn.id}/review.json"))
    seen["review"].append(cytomine.delete(f"imageinstance/{image.id}/review.json", query_parameters={"cancel": True}))


def group(project, image, drawn, seen):
    images = ImageGroup("dates", project.id).save()
    put = ImageGroupImageInstance(images.id, image.id).save()
    listed = [one.numberOfImages for one in ImageGroupCollection(filters={"project": project.id}).fetch()]
    inside = [one.id == image.id for one in ImageInstanceCollection(filters={"imagegroup": images.id}).fetch()]
    first, second = (AnnotationGroup(project.id, images.id).save() for _ in range(2))
    link = AnnotationLink("be.cytomine.domain.ontology.UserAnnotation", drawn.id, second.id).save()
    linked = AnnotationLink().fetch(drawn.id, second.id).group == second.id
    merged = bool(first.merge(second.id))
    moved = AnnotationLink().fetch(drawn.id, first.id)
    seen["groups"] = [put.image == image.id, listed, inside, link.group == second.id, linked, merged]
    seen["ungrouped"] = [moved.delete(), first.delete(), put.delete(), images.delete()]


def main(host, public_key, private_key, project_id):
    seen = {}
    with Cytomine(host, public_key, private_key, verbose=logging.CRITICAL):
        project = Project().fetch(project_id)
        image = ImageInstance().fetch(ImageInstanceCollection(filters={"project": project.id}).fetch()[0].id)
        drawn = Annotation("POINT (1.5 1.5)", image.id, None, project.id).save()
        drawn = Annotation().fetch(drawn.id)
        for name, thing in (("project", project), ("image", image), ("annotation", drawn)):
            say(thing, name, seen)
            attach(thing, seen, name)
        follow(project, image, drawn, seen)
        review(image, drawn, seen)
        group(project, image, drawn, seen)
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
