"""What a script written for Cytomine does, with nothing but its official client; prints what it saw as JSON.

Run by the client's own Python: host, public key, private key and project id are the arguments.
"""

import json
import logging
import sys
import time

from cytomine import Cytomine
from cytomine.models import (
    Annotation,
    AnnotationCollection,
    AnnotationTerm,
    ImageInstance,
    ImageInstanceCollection,
    Ontology,
    OntologyCollection,
    Project,
    ProjectCollection,
    SliceInstanceCollection,
    Term,
    TermCollection,
    UserCollection,
)


def look(cytomine, project_id, seen):
    seen["me"] = cytomine.current_user.username
    seen["projects"] = [project.id for project in ProjectCollection().fetch()]
    project = Project().fetch(project_id)
    seen["ontology_name"] = project.ontologyName
    seen["members"] = sorted(user.username for user in UserCollection(filters={"project": project.id}).fetch())
    images = ImageInstanceCollection(filters={"project": project.id}).fetch()
    image = ImageInstance().fetch(images[0].id)
    seen["size"] = [image.width, image.height, image.depth]
    slices = SliceInstanceCollection(filters={"imageinstance": image.id}).fetch()
    seen["slices"] = [(one.zStack, one.rank) for one in slices]
    seen["reference"] = image.reference_slice().id == slices[1].id
    seen["foreign"] = Project().fetch(999_999)
    return project, image, slices


def name_terms(project, seen):
    seen["ontologies"] = project.ontology in [one.id for one in OntologyCollection().fetch()]
    term = Term("cyst", project.ontology, "#112233").save()
    term.name = "simple cyst"
    term.update()
    seen["terms"] = [one.name for one in TermCollection(filters={"project": project.id}).fetch()]
    own = Ontology("my own").save()
    seen["own_ontology"] = Ontology().fetch(own.id).name
    seen["own_ontology_deleted"] = own.delete()
    return term


def draw(project, image, slices, term, seen):
    polygon = "POLYGON ((1 1, 4 1, 4 3, 1 3, 1 1))"
    drawn = Annotation(polygon, image.id, [term.id], project.id, id_slice=slices[1].id).save()
    seen["drawn"] = Annotation().fetch(drawn.id).location
    seen["drawn_on"] = Annotation().fetch(drawn.id).slice == slices[1].id
    drawn.location = "POLYGON ((1 1, 5 1, 5 3, 1 3, 1 1))"
    seen["edited"] = drawn.update() and Annotation().fetch(drawn.id).location
    other = TermCollection(filters={"project": project.id}).fetch()[0]
    pair = AnnotationTerm(drawn.id, other.id).save()
    drawn.location = polygon
    seen["edited_after_term"] = drawn.update() and Annotation().fetch(drawn.id).term == sorted([other.id, term.id])
    seen["pair"] = AnnotationTerm().fetch(drawn.id, other.id).term == other.id
    seen["pair_deleted"] = pair.delete()
    return drawn


def draw_many(project, image, drawn, term, seen):
    many = AnnotationCollection()
    many.extend(Annotation(f"POINT ({x + 0.5} 2.5)", image.id, None, project.id) for x in range(6))
    seen["bulk"] = many.save(chunk=4, n_workers=2)
    listed = AnnotationCollection(project=project.id, image=image.id, showWKT=True, showTerm=True).fetch()
    seen["listed"] = [bool(one.location) for one in listed]
    seen["boxed"] = len(AnnotationCollection(image=image.id, bbox="POLYGON ((0 2, 2 2, 2 3, 0 3, 0 2))").fetch())
    seen["termed"] = [one.id for one in AnnotationCollection(project=project.id, terms=[term.id]).fetch()] == [drawn.id]
    seen["without"] = len(AnnotationCollection(project=project.id, noTerm=True, showTerm=True).fetch())


def main(host, public_key, private_key, project_id, folder):
    seen = {}
    started = time.monotonic()
    with Cytomine(host, public_key, private_key, verbose=logging.CRITICAL) as cytomine:
        seen["connected_quickly"] = time.monotonic() - started < 30
        project, image, slices = look(cytomine, project_id, seen)
        term = name_terms(project, seen)
        drawn = draw(project, image, slices, term, seen)
        draw_many(project, image, drawn, term, seen)
        seen["dumped"] = image.dump(folder + "/{id}.png", max_size=64)
        seen["deleted"] = drawn.delete()
        seen["gone"] = Annotation().fetch(drawn.id)
        seen["term_deleted"] = term.delete()
    wrong = Cytomine(host, public_key, "not the private key", verbose=logging.CRITICAL)
    seen["wrong_key"] = wrong.current_user
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
