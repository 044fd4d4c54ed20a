"""The pictures that a Cytomine script fetches, with nothing but the official client; prints what it saw as JSON.

Run by the client's own Python: host, public key, private key, project id and a folder are the arguments.
"""

import json
import logging
import sys

from cytomine import Cytomine
from cytomine.models import Annotation, ImageInstance, ImageInstanceCollection, SliceInstance, SliceInstanceCollection
from cytomine.models._utilities import DumpError


def fetch_windows(image, plane, drawn, term, folder, seen):
    size = (image.width, image.height)
    seen["windows"] = [
        plane.window(0, 0, *size, dest_pattern=f"{folder}/whole.png"),
        plane.window(2, 1, 5, 4, dest_pattern=f"{folder}/part.png"),
        plane.window(2, 1, 5, 4, dest_pattern=f"{folder}/deep.png", bits=16),
        plane.window(2, 1, 5, 4, dest_pattern=f"{folder}/mask.png", mask=True, annotations=[drawn.id]),
        plane.window(2, 1, 5, 4, dest_pattern=f"{folder}/masked.jpg", alpha=True, terms=[term], reviewed=False),
        plane.window(0, 0, *size, dest_pattern=f"{folder}/small.png", max_size=5),
        plane.window(0, 0, *size, dest_pattern=f"{folder}/half.jpg", zoom=1),
        plane.window(0, 0, *size, dest_pattern=f"{folder}/plane.tif"),
        image.window(0, 0, *size, dest_pattern=f"{folder}/image.png"),
    ]
    seen["refused"] = [
        plane.window(0, 0, size[0] + 1, 1, dest_pattern=f"{folder}/no.png"),
        image.window(0, 0, *size, dest_pattern=f"{folder}/no.png", projection="max"),
        plane.window(0, 0, *size, dest_pattern=f"{folder}/no.png", bits=32),
    ]


def fetch_crops(drawn, folder, seen):
    seen["crops"] = [
        drawn.dump(folder + "/crop.png"),
        drawn.dump(folder + "/wide.png", increase_area=2),
        drawn.dump(folder + "/crop_mask.png", mask=True),
        drawn.dump(folder + "/crop_alpha.jpg", mask=True, alpha=True),
        drawn.dump(folder + "/crop_deep.png", bits=16),
        drawn.dump(
            folder + "/crop_other.jpg", contrast=1.2, gamma=0.9, inverse=True, max_size=3, zoom=0, complete=False
        ),
    ]


def main(host, public_key, private_key, project_id, folder):
    seen = {}
    with Cytomine(host, public_key, private_key, verbose=logging.CRITICAL) as cytomine:
        image = ImageInstance().fetch(ImageInstanceCollection(filters={"project": project_id}).fetch()[0].id)
        plane = SliceInstance().fetch(SliceInstanceCollection(filters={"imageinstance": image.id}).fetch()[1].id)
        term = cytomine.get(f"project/{project_id}/term.json")["collection"][0]["id"]
        polygon = "POLYGON ((3 2, 6 2, 6 5, 3 5, 3 2))"
        drawn = Annotation(polygon, image.id, [term], project_id, id_slice=plane.id).save()
        drawn = Annotation().fetch(drawn.id)
        seen["thumbs"] = [
            plane.dump(folder + "/thumb.png"),
            image.dump(folder + "/thumb.jpg", max_size=4, inverse=True),
        ]
        fetch_windows(image, plane, drawn, term, folder, seen)
        fetch_crops(drawn, folder, seen)
        try:
            drawn.dump(folder + "/no.png", colormap=7)
        except DumpError:
            seen["refused"].append(False)
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
