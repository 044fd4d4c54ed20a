"""What a Cytomine script does with people and uploads, with nothing but the official client; prints what it saw.

Run by the client's own Python: host, public key, private key, project id, a file to send and a folder are the
arguments.
"""

import json
import logging
import sys

from cytomine import Cytomine
from cytomine.models import (
    AbstractImage,
    AbstractImageCollection,
    AbstractSlice,
    AbstractSliceCollection,
    ImageInstance,
    Project,
    ProjectCollection,
    PropertyCollection,
    Role,
    RoleCollection,
    Storage,
    StorageCollection,
    UploadedFile,
    UploadedFileCollection,
    User,
    UserCollection,
    UserRole,
    UserRoleCollection,
)
from cytomine.models._utilities.dump import DumpError


def refuses(download, folder):
    try:
        return not download(folder + "/{id}.dcm")
    except DumpError:
        return True


def meet_people(cytomine, project, seen):
    user = User("scripted", "S", "Cripted", "s@phantom.example", "a long enough password").save()
    fetched = User().fetch(user.id)
    fetched.lastname = "Changed"
    several = UserCollection()
    several.extend(User(f"several{number}", "S", "M", None, "a long enough password") for number in range(2))
    seen["users"] = [fetched.update().lastname, several.save(), len(UserCollection().fetch())]
    seen["online"] = [one.username for one in UserCollection(online=True).fetch()]
    seen["of_ontology"] = [one.username for one in UserCollection(filters={"ontology": project.ontology}).fetch()]
    roles = RoleCollection().fetch()
    seen["roles"] = [Role().fetch(role.id).authority for role in roles]
    given = UserRole(user.id, roles[-1].id).save()
    held = [one.authority for one in UserRoleCollection(filters={"user": user.id}).fetch()]
    again = UserRole().fetch(user.id, roles[-1].id)
    seen["given"] = [given.role == roles[-1].id, held, again.authority]
    seen["taken"] = [again.delete(), UserRole().fetch(user.id, roles[-1].id)]
    keys = cytomine.current_user.keys()
    seen["keys"] = [keys["publicKey"] == cytomine.current_user.publicKey, keys["privateKey"]]
    seen["signature"] = sorted(cytomine.current_user.signature())
    seen["switched"] = [cytomine.open_admin_session(), cytomine.close_admin_session()]
    joined = [bool(project.add_user(user.id)), bool(project.add_user(user.id, admin=True))]
    members = [one.username for one in UserCollection(filters={"project": project.id}, admin=True).fetch()]
    left = [project.delete_user(user.id, admin=True), project.delete_user(user.id)]
    seen["members"] = [joined, members, left]
    seen["closed"] = user.delete()
    seen["projects"] = [
        [one.id == project.id for one in ProjectCollection(filters=filters).fetch()]
        for filters in ({"user": cytomine.current_user.id}, {"ontology": project.ontology})
    ]
    seen["project_deleted"] = Project().delete(project.id)


def send(cytomine, project, file, folder, seen):
    storage = StorageCollection().fetch()[0]
    seen["storage"] = [storage.userId == cytomine.current_user.id, Storage().fetch(storage.id).id == storage.id]
    sent = cytomine.upload_image(file, storage.id, project.id, properties={"stage": "II"}, sync=True)
    later = cytomine.upload_image(file, storage.id, project.id)
    nowhere = cytomine.upload_image(file, storage.id)
    (made,) = sent.images
    image, instance = made["abstractImage"], made["imageInstances"][0]
    seen["sent"] = [sent.status == UploadedFile.DEPLOYED or sent.status, later.status % 2, nowhere]
    seen["said"] = [(one.key, one.value) for one in PropertyCollection(ImageInstance().fetch(instance.id)).fetch()]
    fetched = UploadedFile().fetch(sent.id)
    seen["file"] = [fetched.status, fetched.filename == file.split("/")[-1], fetched.projects == [project.id]]
    seen["files"] = [one.id for one in UploadedFileCollection().fetch()] == [sent.id, later.id]
    abstract = AbstractImage().fetch(image.id)
    seen["abstract"] = [
        abstract.uploadedFile == sent.id,
        abstract.width,
        abstract.height,
        instance.baseImage == image.id,
    ]
    seen["listed"] = image.id in [one.id for one in AbstractImageCollection().fetch()]
    seen["slices"] = [
        [one.rank for one in AbstractSliceCollection(filters=filters).fetch()]
        for filters in ({"abstractimage": image.id}, {"uploadedfile": sent.id})
    ]
    abstract.originalFilename = "renamed"
    seen["renamed"] = abstract.update().originalFilename
    seen["refused"] = [
        Storage("mine", cytomine.current_user.id).save(),
        UploadedFile("a", "a", id_storage=storage.id).save(),
        AbstractImage("a", sent.id, width=5, height=5).save(),
        AbstractSlice(image.id, sent.id, 0, 0, 0).save(),
        ImageInstance(image.id, project.id).save(),
        abstract.delete(),
        fetched.delete(),
    ]
    seen["kept"] = [refuses(one.download, folder) for one in (abstract, ImageInstance().fetch(instance.id))]


def main(host, public_key, private_key, project_id, file, folder):
    seen = {}
    with Cytomine(host, public_key, private_key, verbose=logging.CRITICAL) as cytomine:
        project = Project().fetch(project_id)
        meet_people(cytomine, project, seen)
        send(cytomine, project, file, folder, seen)
    sys.stdout.write("\n" + json.dumps(seen) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6])
