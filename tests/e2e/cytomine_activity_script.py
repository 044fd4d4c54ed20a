"""What a Cytomine script reads of activity and statistics, with nothing but the official client; prints it as JSON.

Run by the client's own Python: host, public key, private key and project id are the arguments. The client has no class
that sends activity, which Cytomine's page does: its plain `post` stands in for that.
"""

import json
import logging
import sys

from cytomine import Cytomine
from cytomine.models import Annotation, AnnotationCollection, ImageInstanceCollection, TermCollection, UserCollection
from cytomine.models.social import (
    AnnotationActionCollection,
    ImageConsultationCollection,
    PositionCollection,
    ProjectConnectionCollection,
)

CORNERS = {"topLeft": (1, 6), "topRight": (5, 6), "bottomRight": (5, 2), "bottomLeft": (1, 2)}


def send(cytomine, uri, body):
    return cytomine.post(uri, json.dumps(body))


def look(cytomine, image, project, seen):
    corners = {f"{name}{axis}": part for name, point in CORNERS.items() for axis, part in zip("XY", point, strict=True)}
    opened = send(cytomine, f"project/{project}/userconnection.json", {"os": "Linux", "browser": "Firefox"})
    looked = send(cytomine, f"imageinstance/{image.id}/consultation.json", {"mode": "view"})
    sent = {"image": image.id, "zoom": 3, "rotation": 0.0, "broadcast": True}
    send(cytomine, f"imageinstance/{image.id}/position.json", corners | sent)
    send(cytomine, f"imageinstance/{image.id}/position.json", corners | sent | {"slice": image.slices[0]})
    me = cytomine.current_user.id
    positions = PositionCollection(filters={"imageinstance": image.id}).fetch()
    narrow = PositionCollection(filters={"imageinstance": image.id}, user=me, afterThan=positions[1].created)
    seen["positions"] = [one.location for one in positions]
    seen["middle"] = [positions[0].x, positions[0].y, positions[0].zoom, positions[0].broadcast]
    seen["narrowed"] = len(narrow.fetch())
    seen["of slice"] = len(PositionCollection(filters={"sliceinstance": image.slices[0]}).fetch())
    alike = PositionCollection(filters={"imageinstance": image.id}, showDetails=False).fetch()
    seen["alike"] = [one.frequency for one in alike]
    seen["online"] = [one.id == me for one in UserCollection(online=True).fetch()]
    connections = ProjectConnectionCollection(project=project, user=me).fetch()
    seen["connections"] = [[one.id == opened["id"], one.countViewedImages, one.browser] for one in connections]
    consultations = ImageConsultationCollection(project=project, user=me).fetch()
    seen["consultations"] = [[one.id == looked["id"], one.imageName, one.mode] for one in consultations]
    seen["first page"] = len(ProjectConnectionCollection(project=project, user=me, max=1).fetch())
    seen["nobody"] = ProjectConnectionCollection(project=project, user=999_999).fetch()


def act(cytomine, image, drawn, seen):
    for action in ("select", "update"):
        sent = {"annotationIdent": drawn.id, "action": action}
        send(cytomine, "annotation_action.json", sent)
    actions = AnnotationActionCollection(filters={"imageinstance": image.id}).fetch()
    seen["actions"] = [[one.action, one.annotationIdent == drawn.id] for one in actions]
    nobody = AnnotationActionCollection(filters={"imageinstance": image.id}, beforeThan=drawn.created)
    seen["earlier"] = len(nobody.fetch())


def count(cytomine, project, seen):
    def stats(name, **query):
        return cytomine.get(f"project/{project}/stats/{name}.json", query)["collection"]

    for one in stats("term"):
        seen.setdefault("terms", []).append(
            one["value"] == len(AnnotationCollection(project=project, term=one["id"]).fetch())
        )
    seen["users"] = [
        one["value"] == len(AnnotationCollection(project=project, user=one["id"]).fetch()) for one in stats("user")
    ]
    total = len(AnnotationCollection(project=project).fetch())
    seen["growth"] = stats("annotationevolution")[0]["size"] == total
    names = ("termimage", "termslide", "userslide", "userannotations", "reviewedannotationevolution")
    seen["others"] = [len(stats(name)) for name in names]
    names = ("connections", "imageconsultations", "annotationactions")
    seen["activity"] = [stats(f"{name}evolution", accumulate=True)[-1]["size"] for name in names]
    seen["last"] = [
        len(cytomine.get(f"project/{project}/{name}.json")["collection"]) for name in ("usersActivity", "lastImages")
    ]
    seen["all"] = cytomine.get("stats/all.json")["userAnnotations"] == total


def main(host, public_key, private_key, project):
    seen = {}
    with Cytomine(host, public_key, private_key, verbose=logging.CRITICAL) as cytomine:
        image = ImageInstanceCollection(filters={"project": project}).fetch()[0]
        image.slices = [one["id"] for one in cytomine.get(f"imageinstance/{image.id}/sliceinstance.json")["collection"]]
        terms = TermCollection(filters={"project": project}).fetch()
        drawn = Annotation("POINT (1.5 1.5)", image.id, [terms[0].id], project).save()
        drawn = Annotation().fetch(drawn.id)
        look(cytomine, image, project, seen)
        act(cytomine, image, drawn, seen)
        count(cytomine, project, seen)
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
