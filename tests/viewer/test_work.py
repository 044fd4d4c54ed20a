"""Uploads, jobs, models, layers, members and the rest of what the page asks for."""

from __future__ import annotations

import pytest

from imaging.domain.job import IngestWork, PredictWork, ResampleWork, TrainWork


def _upload(client, project, files):
    return client.post(f"/api/project/{project}/upload", files=[("files[]", file) for file in files])


def test_an_upload_waits_encrypted_and_its_job_is_queued(as_user, world, ours, tmp_path):
    project = ours.project.record.id
    content = b"PHANTOM^ALPHA" * 1000
    answer = _upload(as_user("uploader"), project, [("PHANTOM^ALPHA.dcm", content), ("two.dcm", b"2")])
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"upload", "job", "files"}
    assert answer.json()["files"] == 2
    job = as_user("uploader").get(f"/api/job/{answer.json()['job']}.json").json()
    assert (job["kind"], job["state"], job["progress"], job["reason"]) == ("ingest", "queued", 0, "")
    opened = world.workspace.open(ours.project.record.id, world.users["uploader"].id)
    work = opened.jobs.get(job["id"]).work
    assert work == IngestWork(upload=answer.json()["upload"])
    paths = opened.uploads.open_files(work.upload, tmp_path)
    assert {path.name: path.read_bytes() for path in paths} == {"PHANTOM^ALPHA.dcm": content, "two.dcm": b"2"}
    for file in world.workspace.settings.workspace.rglob("*"):
        assert "PHANTOM" not in file.name
        assert not file.is_file() or b"PHANTOM" not in file.read_bytes(), file


def test_an_upload_may_be_larger_than_any_other_request(as_user, ours):
    answer = _upload(as_user("uploader"), ours.project.record.id, [("large.dcm", bytes(65 << 20))])
    assert answer.status_code == 200, answer.text


def test_an_upload_without_files_leaves_no_job(as_user, ours):
    before = len(ours.project.jobs.list())
    uploader = as_user("uploader")
    url = f"/api/project/{ours.project.record.id}/upload"
    for answer in (
        uploader.post(url),
        uploader.post(url, json={}),
        uploader.post(url, data={"note": "x"}, files=[("other", ("a", b"1"))]),
        uploader.post(url, content=b"--cut\r\n", headers={"Content-Type": "multipart/form-data; boundary=cut"}),
    ):
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(ours.project.jobs.list()) == before


def test_a_reader_may_not_upload(as_user, ours):
    assert _upload(as_user("reader"), ours.project.record.id, [("a", b"1")]).status_code == 403


def test_training_and_prediction_become_jobs(manager, ours):
    project = ours.project.record.id
    sent = {"task": "classification", "device": "cpu", "split": "none", "config": {"epochs": 2}}
    answer = manager.post(f"/api/project/{project}/train.json", json=sent)
    assert answer.json()["state"] == "queued"
    work = ours.project.jobs.get(answer.json()["id"]).work
    assert isinstance(work, TrainWork)
    assert (work.task.value, work.device.value, work.split.value, work.config) == (
        "classification", "cpu", "none", {"epochs": 2},
    )  # fmt: skip
    sent = {"model": ours.model.id, "images": [ours.ct.id, ours.ct.id]}
    answer = manager.post(f"/api/project/{project}/predict.json", json=sent)
    work = ours.project.jobs.get(answer.json()["id"]).work
    assert isinstance(work, PredictWork)
    assert (work.model, work.images) == (ours.model.id, (ours.ct.id,))
    kinds = [job["kind"] for job in manager.get(f"/api/project/{project}/job.json").json()["collection"]]
    assert kinds[:2] == ["predict", "train"]


@pytest.mark.parametrize("sent", [{}, {"task": "guess"}, {"task": "segmentation", "device": "abacus"}])
def test_training_that_cannot_be_meant_is_refused(manager, ours, sent):
    answer = manager.post(f"/api/project/{ours.project.record.id}/train.json", json=sent)
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_predicting_with_anothers_model_or_image_is_not_found(manager, ours, world):
    url = f"/api/project/{ours.project.record.id}/predict.json"
    assert manager.post(url, json={"model": world.theirs.model.id, "images": [ours.ct.id]}).status_code == 404
    assert manager.post(url, json={"model": ours.model.id, "images": [world.theirs.ct.id]}).status_code == 404


def test_a_waiting_job_is_cancelled(manager, as_user, ours):
    job = manager.post(f"/api/project/{ours.project.record.id}/train.json", json={"task": "segmentation"}).json()["id"]
    assert as_user("annotator").post(f"/api/job/{job}/cancel.json").status_code == 403
    assert manager.post(f"/api/job/{job}/cancel.json").json()["state"] == "cancelled"


def test_models_show_their_card(manager, ours):
    listed = manager.get(f"/api/project/{ours.project.record.id}/model.json").json()["collection"]
    assert listed == [manager.get(f"/api/model/{ours.model.id}.json").json()]
    assert listed[0]["task"] == "segmentation"


def test_layers_count_what_they_hold(manager, ours):
    layers = manager.get(f"/api/imageinstance/{ours.ct.id}/layer.json").json()["collection"]
    mine = next(layer for layer in layers if layer["name"] == "manager")
    assert (mine["kind"], mine["annotations"], mine["segmentations"]) == ("member", 1, 1)
    image = manager.get(f"/api/imageinstance/{ours.ct.id}.json").json()
    assert (image["numberOfAnnotations"], image["imaging"]["segmentations"]) == (1, 1)
    in_project = manager.get(f"/api/project/{ours.project.record.id}/layer.json").json()["collection"]
    assert mine["id"] in [layer["id"] for layer in in_project]


def test_segmentations_are_listed_with_their_voxels(manager, ours):
    listed = manager.get(f"/api/imageinstance/{ours.ct.id}/segmentation.json").json()["collection"]
    assert [one["id"] for one in listed] == [ours.segmentation.id]
    voxels = {item["value"]: item["voxels"] for item in listed[0]["terms"]}
    assert voxels == {term.value: int((ours.labels == term.value).sum()) for term in ours.terms}
    assert manager.get(f"/api/segmentation/{ours.segmentation.id}.json").json() == listed[0]


def test_an_image_tells_the_viewer_all_it_needs(manager, ours):
    image = manager.get(f"/api/imageinstance/{ours.film.id}.json").json()
    assert (image["class"], image["width"], image["height"], image["depth"]) == (
        "be.cytomine.domain.image.ImageInstance", 400, 300, 1,
    )  # fmt: skip
    assert image["imaging"]["photometric"] == "MONOCHROME1"
    assert [level["shape"] for level in image["imaging"]["levels"]] == [[1, 300, 400], [1, 150, 200]]
    ct = manager.get(f"/api/imageinstance/{ours.ct.id}.json").json()
    assert ct["physicalSizeX"] == 500.0
    assert ct["physicalSizeZ"] == 3000.0
    assert len(ct["imaging"]["positions_lps"]) == 5
    assert ct["imaging"]["rescale"]["slope"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert ct["imaging"]["windows"] == [{"center": 40.0, "width": 400.0}]


def test_lists_of_images_stay_light(manager, ours):
    listed = manager.get(f"/api/project/{ours.project.record.id}/imageinstance.json", params={"max": 2}).json()
    assert (listed["size"], len(listed["collection"]), listed["totalPages"]) == (3, 2, 2)
    assert all(not image["imaging"]["positions_lps"] for image in listed["collection"])


def test_slices_follow_rank(manager, ours):
    listed = manager.get(f"/api/imageinstance/{ours.ct.id}/sliceinstance.json").json()
    assert [(one["id"], one["rank"], one["zStack"]) for one in listed["collection"]] == [
        (ours.ct.slice_base + rank, rank, rank) for rank in range(5)
    ]
    colour = manager.get(f"/api/imageinstance/{ours.picture.id}/sliceinstance.json").json()
    assert colour["size"] == 1


def test_terms_of_whole_images_come_and_go(as_user, ours):
    annotator = as_user("annotator")
    url, term = f"/api/imageinstance/{ours.film.id}/term", ours.terms[1].id
    assert annotator.post(f"{url}/{term}.json").status_code == 200
    (given,) = annotator.get(f"{url}.json").json()["collection"]
    assert (given["term"], given["probability"], given["reviewed"]) == (term, None, False)
    listed = annotator.get(f"/api/project/{ours.project.record.id}/imageinstance.json").json()["collection"]
    assert {image["id"]: image["imaging"]["terms"] for image in listed}[ours.film.id] == [term]
    assert annotator.get(f"/api/imageinstance/{ours.film.id}.json").json()["imaging"]["terms"] == [term]
    assert annotator.delete(f"{url}/{term}.json").status_code == 200
    assert annotator.get(f"{url}.json").json()["size"] == 0
    assert as_user("reader").post(f"{url}/{term}.json").status_code == 403


def test_members_are_added_with_roles_and_removed(manager, world, ours):
    user, _ = world.workspace.accounts.add("newcomer")
    url = f"/api/project/{ours.project.record.id}/user/{user.id}.json"
    assert manager.post(url).json()["user"]["roles"] == ["annotator"]
    assert manager.post(url, json={"roles": ["reviewer"]}).json()["user"]["roles"] == ["annotator", "reviewer"]
    assert manager.put(url, json={"roles": ["reader"]}).json()["user"]["roles"] == ["reader"]
    admin = f"/api/project/{ours.project.record.id}/user/{user.id}/admin.json"
    assert manager.post(admin).status_code == 200
    managers = manager.get(f"/api/project/{ours.project.record.id}/admin.json").json()["collection"]
    assert "newcomer" in [member["username"] for member in managers]
    assert manager.delete(admin).json()["user"]["roles"] == ["reader"]
    assert manager.delete(url).status_code == 200
    assert manager.delete(url).status_code == 404
    assert manager.put(url, json={"roles": []}).status_code == 400


def test_an_annotator_may_not_add_members(as_user, world, ours):
    url = f"/api/project/{ours.project.record.id}/user/{world.users['stranger'].id}.json"
    assert as_user("annotator").post(url).status_code == 403


def test_people_see_whom_they_work_with_and_no_address(as_user, world):
    seen = as_user("annotator").get("/api/user.json").json()["collection"]
    assert "stranger" not in [user["username"] for user in seen]
    assert "manager" in [user["username"] for user in seen]
    assert all(user["email"] is None for user in seen)
    everyone = as_user("admin").get("/api/user.json").json()["collection"]
    assert "stranger" in [user["username"] for user in everyone]


def test_only_operators_make_accounts(as_user):
    sent = {"username": "scripted", "password": "a long enough password", "language": "ENGLISH"}
    assert as_user("manager").post("/api/user.json", json=sent).status_code == 403
    made = as_user("admin").post("/api/user.json", json=sent)
    assert made.status_code == 200
    assert "password" not in made.text
    assert as_user("admin").post("/api/user.json", json=sent).status_code == 409


def test_an_operator_cannot_lock_itself_out(as_user, world):
    admin = as_user("admin")
    assert admin.delete(f"/api/user/{world.users['admin'].id}.json").status_code == 409
    assert admin.get("/api/user/current.json").status_code == 200


def test_projects_are_made_and_renamed(as_user):
    stranger = as_user("stranger")
    made = stranger.post("/api/project.json", json={"name": "third", "junk": 1}).json()["project"]
    assert made["roles"] == ["controller", "manager"]
    assert made["ontologyName"] == "third"
    echo = made | {"name": "third again", "class_": made["class"]}
    edited = stranger.put(f"/api/project/{made['id']}.json", json=echo).json()["project"]
    assert (edited["name"], edited["pixelAccess"]) == ("third again", "full")
    assert stranger.put(f"/api/project/{made['id']}.json", json={"pixelAccess": "rendered"}).status_code == 200
    assert stranger.post("/api/project.json", json={"name": ""}).status_code == 400
    assert stranger.post("/api/project.json", json={"name": "n" * 256}).status_code == 200
    assert stranger.post("/api/project.json", json={"name": "n" * 257}).status_code == 400


def test_terms_form_a_tree(as_user):
    stranger = as_user("stranger")
    ontology = stranger.post("/api/ontology.json", json={"name": "tree"}).json()["ontology"]["id"]
    parent = stranger.post("/api/term.json", json={"name": "organ", "ontology": ontology, "color": "#AABBCC"}).json()
    child = stranger.post("/api/term.json", json={"name": "liver", "ontology": ontology}).json()["term"]["id"]
    root = parent["term"]["id"]
    assert stranger.post("/api/term.json", json=[]).status_code == 400
    assert parent["term"]["color"] == "#aabbcc"
    relation = f"/api/relation/parent/term1/{root}/term2/{child}.json"
    assert stranger.get(relation).status_code == 404
    assert stranger.post("/api/relation/parent/term.json", json={"term1": root, "term2": child}).status_code == 200
    assert stranger.get(relation).json()["term2"] == child
    tree = stranger.get(f"/api/ontology/{ontology}.json").json()["children"]
    assert [node["name"] for node in tree] == ["organ"]
    assert [node["name"] for node in tree[0]["children"]] == ["liver"]
    assert stranger.delete(relation).status_code == 200
    assert len(stranger.get(f"/api/ontology/{ontology}.json").json()["children"]) == 2
    assert as_user("manager").get(f"/api/ontology/{ontology}.json").status_code == 404
    assert stranger.delete(f"/api/ontology/{ontology}.json").status_code == 200


def test_an_image_is_renamed_by_its_managers(manager, as_user, ours):
    url = f"/api/imageinstance/{ours.picture.id}.json"
    assert as_user("annotator").put(url, json={"instanceFilename": "x"}).status_code == 403
    assert (
        manager.put(url, json={"instanceFilename": "renamed"}).json()["imageinstance"]["instanceFilename"] == "renamed"
    )


def test_a_regular_image_of_an_irregular_one_becomes_a_job(manager, as_user, ours):
    image = ours.ct.id
    url = f"/api/imageinstance/{image}/resample.json"
    answer = manager.post(url, json={"acrossGaps": True})
    assert answer.status_code == 200, answer.text
    assert answer.json()["kind"] == "resample"
    assert ours.project.jobs.get(answer.json()["id"]).work == ResampleWork(image=image, across_gaps=True)
    assert as_user("reader").post(url, json={}).status_code == 403
    assert manager.post("/api/imageinstance/1/resample.json", json={}).status_code == 404
